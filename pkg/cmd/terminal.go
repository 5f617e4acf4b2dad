package cmd

import (
	"io"

	"golang.org/x/term"
)

// isTerminal says whether somebody reads this directly.
func isTerminal(w io.Writer) bool {
	file, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(file.Fd()))
}
