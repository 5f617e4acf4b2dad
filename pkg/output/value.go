package output

import (
	"encoding/json"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Values are the formats that PrintValue knows.
const Values = "json or yaml"

// CheckValue returns a *usage.Error for a format that PrintValue does not know; "" is none.
func CheckValue(format string) error {
	switch format {
	case "", "json", "yaml":
		return nil
	}
	return &usage.Error{What: "--output", Value: format, Reason: "unknown format", Next: "use " + Values}
}

// PrintValue prints what is not a list of things for programs, in JSON or YAML.
func PrintValue(w io.Writer, format string, value any) error {
	if format == "yaml" {
		text, err := yaml.Marshal(value)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
