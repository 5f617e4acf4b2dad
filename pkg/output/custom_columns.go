package output

import (
	"fmt"
	"io"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/client-go/util/jsonpath"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// ownColumn is a column that the user described: a header, and where its cells are.
type ownColumn struct {
	header string
	path   *jsonpath.JSONPath
}

// parseColumns reads "NAME:.metadata.name,READY:.readyMembers". kubectl's printer for it is part of
// kubectl itself, which is not a library to link.
func parseColumns(text string) ([]ownColumn, error) {
	var columns []ownColumn
	for _, part := range strings.Split(text, ",") {
		header, path, found := strings.Cut(part, ":")
		if !found || header == "" || path == "" {
			return nil, fmt.Errorf("%q is not HEADER:PATH", part)
		}
		path = strings.TrimSuffix(strings.TrimPrefix(path, "{"), "}")
		column := ownColumn{header: header, path: jsonpath.New(header).AllowMissingKeys(true)}
		if err := column.path.Parse("{." + strings.TrimPrefix(path, ".") + "}"); err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		columns = append(columns, column)
	}
	return columns, nil
}

func printColumns(w io.Writer, columns []ownColumn, answer Answer, noHeaders bool) error {
	list, err := answer.list()
	if err != nil {
		return err
	}
	tw := printers.GetNewTabWriter(w)
	line := make([]string, len(columns))
	if !noHeaders {
		for i, column := range columns {
			line[i] = column.header
		}
		escape.Columns(tw, line...)
	}
	for _, item := range list.Items {
		for i, column := range columns {
			if line[i], err = column.cell(item.Object); err != nil {
				return err
			}
		}
		escape.Columns(tw, line...)
	}
	return tw.Flush()
}

func (c ownColumn) cell(item map[string]any) (string, error) {
	results, err := c.path.FindResults(item)
	if err != nil {
		return "", fmt.Errorf("finding column %q: %w", c.header, err)
	}
	var values []string
	for _, result := range results {
		for _, value := range result {
			values = append(values, escape.Sprintf("%v", value.Interface()))
		}
	}
	if len(values) == 0 {
		return "<none>", nil
	}
	return strings.Join(values, ","), nil
}
