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
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// terminalOf returns the descriptor of a stream, and whether it is a terminal. Nothing else in this package asks that.
func terminalOf(stream any) (descriptor int, is bool) {
	file, ok := stream.(interface{ Fd() uintptr })
	if !ok {
		return 0, false
	}
	return int(file.Fd()), term.IsTerminal(int(file.Fd()))
}

func isTerminal(w io.Writer) bool {
	_, is := terminalOf(w)
	return is
}

// inputTerminal returns the terminal that standard input is.
func (f *factory) inputTerminal() (descriptor int, is bool) { return terminalOf(f.streams.In) }

// interactive reports whether a question reaches a person who can answer it.
func (f *factory) interactive() bool {
	_, is := f.inputTerminal()
	return is && isTerminal(f.streams.ErrOut)
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

// confirmed asks on the error stream and reads a line of standard input; anything but yes is no. At the end of the input
// it returns no and io.EOF.
func (f *factory) confirmed(ctx context.Context, question string) (bool, error) {
	escape.Fprintf(f.streams.ErrOut, "%s [y/N] ", question)
	answer, err := await(ctx, func() (string, error) { return readLine(f.streams.In) })
	if err != nil {
		escape.Fprintln(f.streams.ErrOut) // the answer would have ended the line
		if errors.Is(err, io.EOF) {
			return false, io.EOF
		}
		return false, fmt.Errorf("reading the answer: %w", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// mustAgree asks a question; anything but yes ends the command.
func (f *factory) mustAgree(ctx context.Context, question, otherwise string) error {
	agreed, err := f.confirmed(ctx, question)
	if err != nil && !errors.Is(err, io.EOF) || agreed {
		return err
	}
	escape.Fprintln(f.streams.ErrOut, otherwise)
	return &explain.ExitError{Code: explain.CodeFailed}
}

// noColors reports whether the environment asks for text without colors (no-color.org).
func (f *factory) noColors() bool {
	value, _ := f.lookupEnv("NO_COLOR")
	return value != ""
}
