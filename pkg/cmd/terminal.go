package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
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

// confirmed asks at the terminal; no answer is no.
func (f *factory) confirmed(ctx context.Context, question string) (bool, error) {
	escape.Fprintf(f.streams.ErrOut, "%s", question)
	answer, err := await(ctx, func() (string, error) { return readLine(f.streams.In) })
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("reading the answer: %w", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// interactive reports whether a question reaches a person who can answer it.
func (f *factory) interactive() bool {
	terminal, ok := f.streams.In.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(terminal.Fd())) && isTerminal(f.streams.ErrOut)
}
