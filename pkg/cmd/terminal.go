package cmd

import (
	"io"
	"os"

	"golang.org/x/term"
)

// isTerminal says whether somebody reads this directly.
func isTerminal(w io.Writer) bool {
	file, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(file.Fd()))
}

// pipedInto says whether a program or a file is on standard input: no terminal, and not the null device.
func (f *factory) pipedInto() bool {
	file, ok := f.streams.In.(interface{ Stat() (os.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice == 0
}
