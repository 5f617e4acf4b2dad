package output

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// formats are named in help and errors.
const formats = "wide, json, yaml, name, jsonpath=…, go-template=…, custom-columns=…"

// Format is how to print: the value of --output.
type Format struct {
	value     string
	noHeaders bool
}

// Register adds --output and --no-headers.
func (f *Format) Register(flags *pflag.FlagSet) {
	flags.StringVarP(&f.value, "output", "o", "", "Output format: "+formats)
	flags.BoolVar(&f.noHeaders, "no-headers", false, "Print tables without their first line")
}

// Check says, as a *usage.Error, what is wrong with the format, before anything is asked.
func (f *Format) Check() error {
	_, err := f.print(f.value)
	return err
}

// ForPeople says that a table is wanted, or text instead.
func (f *Format) ForPeople() bool { return f.value == "" || f.value == "wide" }

// Print prints the answer.
func (f *Format) Print(w io.Writer, answer Answer) error {
	print, err := f.print(f.value)
	if err != nil {
		return err
	}
	return print(w, answer)
}

type printer func(io.Writer, Answer) error

func (f *Format) print(value string) (printer, error) {
	columns, own := strings.CutPrefix(value, "custom-columns=")
	switch {
	case value == "", value == "wide":
		return func(w io.Writer, a Answer) error { return a.printTable(w, value == "wide", f.noHeaders) }, nil
	case value == "name":
		return func(w io.Writer, a Answer) error { return a.printNames(w) }, nil
	case own:
		list, err := parseColumns(columns)
		if err != nil {
			return nil, &usage.Error{What: "--output", Value: value, Reason: err.Error(), Next: "write e.g. custom-columns=NAME:.metadata.name"}
		}
		return func(w io.Writer, a Answer) error { return printColumns(w, list, a, f.noHeaders) }, nil
	}
	standard, err := kubectlPrinter(value)
	if err != nil {
		return nil, err
	}
	return func(w io.Writer, a Answer) error {
		object, err := a.object()
		if err != nil {
			return err
		}
		return standard.PrintObj(object, w)
	}, nil
}

// kubectlPrinter returns kubectl's own printer of a format. The error is a *usage.Error.
func kubectlPrinter(value string) (printers.ResourcePrinter, error) {
	printer, err := genericclioptions.NewJSONYamlPrintFlags().ToPrinter(value)
	if genericclioptions.IsNoCompatiblePrinterError(err) {
		printer, err = genericclioptions.NewKubeTemplatePrintFlags().ToPrinter(value)
	}
	switch {
	case genericclioptions.IsNoCompatiblePrinterError(err):
		return nil, &usage.Error{What: "--output", Value: value, Reason: "unknown format", Next: "use " + formats}
	case err != nil:
		return nil, &usage.Error{What: "--output", Value: value, Reason: err.Error()}
	}
	return printer, nil
}

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
