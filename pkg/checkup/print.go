package checkup

import (
	"fmt"
	"io"
	"strings"
)

// Widths of the columns, in characters; a longer name pushes its own line only.
const (
	statusWidth = 9
	nameWidth   = 22
)

// Print writes a result as a line, with the remedy under it.
func Print(w io.Writer, result Result) error {
	message := strings.ReplaceAll(strings.TrimSpace(result.Message), "\n", "\n"+strings.Repeat(" ", statusWidth))
	text := fmt.Sprintf("%-*s%-*s %s\n", statusWidth, result.Status, nameWidth, result.Name, message)
	if result.Remedy != "" {
		text += fmt.Sprintf("%*s→ %s\n", statusWidth, "", result.Remedy)
	}
	_, err := io.WriteString(w, text)
	return err
}
