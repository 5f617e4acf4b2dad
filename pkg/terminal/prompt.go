package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// Confirm asks on the error stream and reads a line of standard input; anything but yes is no. At
// the end of the input it returns no and io.EOF.
func (s Streams) Confirm(ctx context.Context, question string) (bool, error) {
	escape.Fprintf(s.ErrOut, "%s [y/N] ", question)
	answer, err := await(ctx, func() (string, error) { return readLine(s.In) })
	if err != nil {
		escape.Fprintln(s.ErrOut) // the answer would have ended the line
		if errors.Is(err, io.EOF) {
			return false, io.EOF
		}
		return false, fmt.Errorf("reading the answer: %w", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// Ask asks for a line, which is returned without the spaces around it.
func (s Streams) Ask(ctx context.Context, label string) (string, error) {
	escape.Fprintf(s.ErrOut, "%s: ", label)
	line, err := await(ctx, func() (string, error) { return readLine(s.In) })
	return strings.TrimSpace(line), err
}

// AskHidden asks for a line that the terminal does not show. The echo is back whatever happens.
func (s Streams) AskHidden(ctx context.Context, label string) (string, error) {
	escape.Fprintf(s.ErrOut, "%s: ", label)
	defer escape.Fprintln(s.ErrOut)
	descriptor, _ := descriptorOf(s.In)
	state, err := term.GetState(descriptor)
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(descriptor, state) }()
	line, err := await(ctx, func() ([]byte, error) { return term.ReadPassword(descriptor) })
	return string(line), err
}

// await ends with ctx, though a read from a terminal does not; that one ends with the process. None
// is begun where ctx has ended: it could switch the echo off after that was restored.
func await[T any](ctx context.Context, read func() (T, error)) (none T, _ error) {
	if ctx.Err() != nil {
		return none, context.Cause(ctx)
	}
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		value, err := read()
		answered <- answer{value, err}
	}()
	select {
	case got := <-answered:
		return got.value, got.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// readLine reads no further than the end of the line: what follows is for the next reader.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); ; {
		n, err := r.Read(one)
		switch {
		case n == 1 && one[0] == '\n':
			return string(line), nil
		case n == 1:
			line = append(line, one[0])
		case errors.Is(err, io.EOF) && len(line) > 0:
			return string(line), nil
		case err != nil:
			return "", err
		}
	}
}
