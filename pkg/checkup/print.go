package checkup

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// Widths of the columns, in characters; a longer name pushes its own line only.
const (
	statusWidth = 9
	nameWidth   = 22
)

// Print writes a result as a line, with the remedy under it.
func Print(w io.Writer, result Result) error {
	under := strings.Repeat(" ", statusWidth)
	message := escape.Indented(strings.TrimSpace(result.Message), under)
	text := fmt.Sprintf("%-*s%-*s %s\n", statusWidth, result.Status, nameWidth, escape.Line(result.Name), message)
	if result.Remedy != "" {
		text += under + "→ " + escape.Line(result.Remedy) + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
