package escape

import (
	"fmt"
	"io"
	"strings"
)

// Sprintf is fmt.Sprintf for one or more lines of this program: format is trusted, and every
// argument is escaped by Line.
func Sprintf(format string, args ...any) string {
	if false {
		_ = fmt.Sprintf(format, args...) // lets go vet check the callers
	}
	return fmt.Sprintf(format, fields(args)...)
}

// Fprintf writes what Sprintf returns.
func Fprintf(w io.Writer, format string, args ...any) (int, error) {
	if false {
		_ = fmt.Sprintf(format, args...) // lets go vet check the callers
	}
	return fmt.Fprintf(w, format, fields(args)...)
}

// Fprintln writes one line, with a space between the arguments.
func Fprintln(w io.Writer, args ...any) (int, error) {
	return fmt.Fprintln(w, fields(args)...)
}

// Columns writes a row of text for a tabwriter, with a tab between the cells.
func Columns(w io.Writer, cells ...string) {
	lines := make([]string, len(cells))
	for i, cell := range cells {
		lines[i] = Line(cell)
	}
	_, _ = io.WriteString(w, strings.Join(lines, "\t")+"\n")
}

func fields(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		out[i] = field{arg}
	}
	return out
}

// field is an argument that stays in its line however it is formatted.
type field struct{ value any }

func (f field) Format(state fmt.State, verb rune) {
	_, _ = io.WriteString(state, Line(fmt.Sprintf(fmt.FormatString(state, verb), f.value)))
}
