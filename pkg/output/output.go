// Package output prints what a command found in the formats of kubectl's --output, which is not the
// --output of a build: a table for people, and JSON, YAML, names, templates and columns of one's
// own for programs.
//
// It knows only names, fields and cells; what they mean is for pkg/cmd, and what BuildKit or a
// cluster is, it does not know here.
package output

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// APIVersion stands in every JSON and YAML answer. Within a version fields are added, but none is
// taken away or gets another meaning.
const APIVersion = "kubectl-buildkit.github.io/v1"

// Answer is what a command found.
type Answer struct {
	// Kind is what one item is, e.g. "Builder".
	Kind  string
	Items []Item
	// Single says that the question was about one thing: the item is printed itself, not as a list
	// of one.
	Single bool
	// Beside are fields that a list has besides its items, e.g. totals.
	Beside map[string]any
	// Columns are those of the table; each item has a cell for each.
	Columns []Column
	// Text prints instead of the table, for people; it may be nil.
	Text func(w io.Writer, wide bool) error
}

// Item is one thing of an Answer.
type Item struct {
	Name, Namespace string
	// Fields become a JSON object; it stands beside apiVersion, kind and metadata.
	Fields any
	Cells  []any
}

// Column is a column of the table.
type Column struct {
	// Name is e.g. "Last used".
	Name string
	// Wide columns are shown with --output wide alone.
	Wide bool
}

// table is the answer for people.
func (a Answer) table() *metav1.Table {
	table := &metav1.Table{}
	for _, column := range a.Columns {
		definition := metav1.TableColumnDefinition{Name: column.Name, Type: "string"}
		if column.Wide {
			definition.Priority = 1
		}
		table.ColumnDefinitions = append(table.ColumnDefinitions, definition)
	}
	for _, item := range a.Items {
		table.Rows = append(table.Rows, metav1.TableRow{Cells: inTheirRow(item.Cells)})
	}
	return table
}

// inTheirRow makes cells that are text a part of their row.
func inTheirRow(cells []any) []any {
	out := slices.Clone(cells)
	for i, cell := range out {
		if text, ok := cell.(string); ok {
			out[i] = escape.Line(text)
		}
	}
	return out
}

// object is the answer for programs.
func (a Answer) object() (runtime.Object, error) {
	list, err := a.list()
	if err == nil && a.Single && len(list.Items) == 1 {
		return &list.Items[0], nil
	}
	return list, err
}

func (a Answer) list() (*unstructured.UnstructuredList, error) {
	list := &unstructured.UnstructuredList{
		Object: map[string]any{"apiVersion": APIVersion, "kind": a.Kind + "List"}, Items: []unstructured.Unstructured{},
	}
	beside, err := fields(a.Beside)
	if err != nil {
		return nil, err
	}
	maps.Copy(list.Object, beside)
	for _, item := range a.Items {
		object, err := fields(item.Fields)
		if err != nil {
			return nil, err
		}
		metadata := map[string]any{"name": item.Name}
		if item.Namespace != "" {
			metadata["namespace"] = item.Namespace
		}
		object["apiVersion"], object["kind"], object["metadata"] = APIVersion, a.Kind, metadata
		list.Items = append(list.Items, unstructured.Unstructured{Object: object})
	}
	return list, nil
}

// fields is a value as JSON has it, with whole numbers kept whole, and without credentials as text
// for people is.
func fields(value any) (map[string]any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("printing %T: %w", value, err)
	}
	object := map[string]any{}
	return object, json.Unmarshal([]byte(escape.MaskCredentials(string(text))), &object)
}

// printNames prints KIND/NAME, one a line, as install and uninstall do.
func (a Answer) printNames(w io.Writer) error {
	for _, item := range a.Items {
		if _, err := escape.Fprintf(w, "%s/%s\n", strings.ToLower(a.Kind), item.Name); err != nil {
			return err
		}
	}
	return nil
}

// printTable prints for people.
func (a Answer) printTable(w io.Writer, wide, noHeaders bool) error {
	if a.Text != nil {
		return a.Text(escape.NewWriter(w), wide)
	}
	aligned := printers.GetNewTabWriter(w) // the printer's own would drop the error of writing
	if err := printers.NewTablePrinter(printers.PrintOptions{Wide: wide, NoHeaders: noHeaders}).PrintObj(a.table(), aligned); err != nil {
		return err
	}
	return aligned.Flush()
}

// AppendNew returns the list with the item at its end, or the list itself where the item is empty
// or in it.
func AppendNew(list []string, item string) []string {
	if item == "" || slices.Contains(list, item) {
		return list
	}
	return append(list, item)
}

// OrNone returns the list as a cell of a table, e.g. "a,b", or none where the list is empty.
func OrNone(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ",")
}
