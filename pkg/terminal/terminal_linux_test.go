package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// aTerminal returns the two sides of a pseudo terminal: what a person types is written to the
// first.
func aTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestATerminalIsSeen(t *testing.T) {
	person, program := aTerminal(t)
	s := New(Raw{In: program, Out: program, ErrOut: program})
	if !s.Interactive() || !Is(s.Out) || !Is(program) || s.PipedInto() || s.Results() != s.Out {
		t.Error("a terminal is taken for something else")
	}
	if width, is := s.Width(); is {
		t.Errorf("a terminal without a size has %d columns", width)
	}
	if err := unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 77, Row: 9}); err != nil {
		t.Fatal(err)
	}
	if width, is := s.Width(); !is || width != 77 {
		t.Errorf("%d columns, %v", width, is)
	}
	// A question whose answer comes from elsewhere, or that is not read, reaches no person.
	if (Streams{In: strings.NewReader(""), ErrOut: s.ErrOut}).Interactive() || (Streams{In: program, ErrOut: io.Discard}).Interactive() {
		t.Error("half a terminal is taken for one")
	}
}

// A password is not shown, and the echo is back after it, also after Ctrl-C.
func TestHiddenTextIsNotShown(t *testing.T) {
	person, program := aTerminal(t)
	asked := &strings.Builder{}
	s := New(Raw{In: program, Out: io.Discard, ErrOut: asked})
	if _, err := io.WriteString(person, "s3cret\n"); err != nil {
		t.Fatal(err)
	}
	text, err := s.AskHidden(t.Context(), "Password")
	if err != nil || text != "s3cret" || asked.String() != "Password: \n" || !echoes(t, program) {
		t.Errorf("%q, %v, %q, echo %v", text, err, asked, echoes(t, program))
	}

	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for echoes(t, program) && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel(interrupted)
	}()
	if _, err := s.AskHidden(ctx, "Password"); !errors.Is(err, interrupted) || !echoes(t, program) {
		t.Errorf("%v, echo %v", err, echoes(t, program))
	}
}
