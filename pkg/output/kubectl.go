package output

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// templateLimit is the size of the largest template that is read from a file, in bytes.
const templateLimit = 1 << 20

// kubectlPrinter returns kubectl's printer of a format. The error is a *usage.Error.
func kubectlPrinter(value string) (printers.ResourcePrinter, error) {
	switch strings.ToLower(value) {
	case "json":
		return &printers.OmitManagedFieldsPrinter{Delegate: &printers.JSONPrinter{}}, nil
	case "yaml":
		return &printers.OmitManagedFieldsPrinter{Delegate: &printers.YAMLPrinter{}}, nil
	case "kyaml":
		return &printers.OmitManagedFieldsPrinter{Delegate: &printers.KYAMLPrinter{}}, nil
	}
	format, template, _ := strings.Cut(value, "=")
	parse := templateParser(format)
	if parse == nil {
		return nil, &usage.Error{What: "--output", Value: value, Reason: "unknown format", Next: "use " + formats}
	}
	printer, err := parse(template)
	if err != nil {
		return nil, &usage.Error{What: "--output", Value: value, Reason: err.Error()}
	}
	return printer, nil
}

// templateParser returns the parser of a template format, nil for any other format.
func templateParser(format string) func(template string) (printers.ResourcePrinter, error) {
	var parse func(string) (printers.ResourcePrinter, error)
	switch format {
	case "jsonpath", "jsonpath-file", "jsonpath-as-json":
		parse = func(template string) (printers.ResourcePrinter, error) {
			printer, err := printers.NewJSONPathPrinter(template)
			if err != nil {
				return nil, fmt.Errorf("parsing the jsonpath template: %w", err)
			}
			printer.AllowMissingKeys(true)
			printer.EnableJSONOutput(format == "jsonpath-as-json")
			return printer, nil
		}
	case "template", "templatefile", "go-template", "go-template-file":
		parse = func(template string) (printers.ResourcePrinter, error) {
			printer, err := printers.NewGoTemplatePrinter([]byte(template))
			if err != nil {
				return nil, fmt.Errorf("parsing the template: %w", err)
			}
			printer.AllowMissingKeys(true)
			return printer, nil
		}
	default:
		return nil
	}
	return func(template string) (printers.ResourcePrinter, error) {
		if template == "" {
			return nil, errors.New("the template is empty")
		}
		if strings.HasSuffix(format, "file") {
			text, err := safefile.Read(template, templateLimit)
			if err != nil {
				return nil, fmt.Errorf("reading the template: %w", err)
			}
			template = string(text)
		}
		return parse(template)
	}
}
