package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// memory are streams that are no terminal.
func memory(input string) (s Streams, out, errOut *strings.Builder) {
	out, errOut = &strings.Builder{}, &strings.Builder{}
	return New(Raw{In: strings.NewReader(input), Out: out, ErrOut: errOut}), out, errOut
}

func TestPrintedTextIsEscapedAndResultsAreExact(t *testing.T) {
	const hostile = "a\x1b]0;owned\x07"
	s, out, errOut := memory("")
	for _, w := range []io.Writer{s.Out, s.ErrOut, s.Results()} {
		if _, err := io.WriteString(w, hostile); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Count(out.String(), "\x1b") != 1 || !strings.HasSuffix(out.String(), hostile) || strings.Contains(errOut.String(), "\x1b") {
		t.Errorf("%q, %q", out, errOut)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestFlushReturnsWhatOutLost(t *testing.T) {
	s := New(Raw{In: strings.NewReader(""), Out: fullDisk{}, ErrOut: io.Discard})
	_, _ = io.WriteString(s.Out, "a result")
	if err := s.Flush(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	s = New(Raw{In: strings.NewReader(""), Out: io.Discard, ErrOut: fullDisk{}})
	_, _ = io.WriteString(s.ErrOut, "a warning")
	if err := s.Flush(); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestWithoutATerminal(t *testing.T) {
	s, _, _ := memory("")
	if _, is := s.Width(); is || s.Interactive() || Is(s.In) || s.PipedInto() {
		t.Error("memory is taken for a terminal or a pipe")
	}
}

func TestPipedInto(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	pipe, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in   *os.File
		want bool
	}{{file, true}, {pipe, true}, {null, false}} {
		if got := (Streams{In: c.in}).PipedInto(); got != c.want {
			t.Errorf("%s: %v", c.in.Name(), got)
		}
		_ = c.in.Close()
	}
	_ = end.Close()
}

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "Yes\n": true, " YES \r\n": true, "yes": true, "n\n": false, "\n": false, "yess\n": false} {
		s, _, errOut := memory(answer)
		if agreed, err := s.Confirm(t.Context(), "Remove?"); err != nil || agreed != want || errOut.String() != "Remove? [y/N] " {
			t.Errorf("%q: %v, %v, %q", answer, agreed, err, errOut)
		}
	}
	s, _, errOut := memory("")
	if agreed, err := s.Confirm(t.Context(), "Remove?"); agreed || !errors.Is(err, io.EOF) || !strings.HasSuffix(errOut.String(), "\n") {
		t.Errorf("at the end: %v, %v, %q", agreed, err, errOut)
	}
}

// What follows the line is for the next reader.
func TestAskReadsOneLine(t *testing.T) {
	s, _, errOut := memory(" me \nrest")
	line, err := s.Ask(t.Context(), "Username")
	rest, _ := io.ReadAll(s.In)
	if err != nil || line != "me" || string(rest) != "rest" || errOut.String() != "Username: " {
		t.Errorf("%q, %v, then %q; asked %q", line, err, rest, errOut)
	}
}

// Ctrl-C ends a question that nothing answers.
func TestQuestionsEndWithTheContext(t *testing.T) {
	reading, writing := io.Pipe()
	defer func() { _ = writing.Close() }()
	s := New(Raw{In: reading, Out: io.Discard, ErrOut: io.Discard})
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(interrupted)
	if agreed, err := s.Confirm(ctx, "Remove?"); agreed || !errors.Is(err, interrupted) {
		t.Errorf("%v, %v", agreed, err)
	}
	if _, err := s.Ask(ctx, "Username"); !errors.Is(err, interrupted) {
		t.Errorf("%v", err)
	}
	none, err := await(ctx, func() (string, error) { panic("a read is begun that would outlive the question") })
	if none != "" || !errors.Is(err, interrupted) {
		t.Errorf("%q, %v", none, err)
	}
}

func TestHiddenTextNeedsATerminal(t *testing.T) {
	s, _, errOut := memory("secret\n")
	if text, err := s.AskHidden(t.Context(), "Password"); err == nil || text != "" || errOut.String() != "Password: \n" {
		t.Errorf("%q, %v, %q", text, err, errOut)
	}
}
