// Package terminal is the standard streams of a command. Each may be a terminal: what is printed
// there is escaped, and the person who sits at it can be asked.
package terminal

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// Streams are the standard streams of a command. Everything may be printed to Out and ErrOut, which
// escape it.
type Streams struct {
	In          io.Reader
	Out, ErrOut io.Writer
	// Raw are the streams below: for what the user asked to get byte for byte, and for the display
	// of progress, which draws on a terminal and escapes what it draws itself.
	Raw Raw
}

// Raw are the streams of the process.
type Raw struct {
	In     io.Reader
	Out    io.Writer
	ErrOut io.Writer
}

// New returns streams that escape what is printed to those below.
func New(raw Raw) Streams {
	return Streams{In: raw.In, Out: escape.NewWriter(raw.Out), ErrOut: escape.NewWriter(raw.ErrOut), Raw: raw}
}

// Flush writes what the escaping streams hold back of an unfinished character. It returns the first
// error of printing to standard output: a result that has not arrived is a failure.
func (s Streams) Flush() error {
	if escaped, ok := s.ErrOut.(*escape.Writer); ok {
		_ = escaped.Flush()
	}
	if escaped, ok := s.Out.(*escape.Writer); ok {
		return escaped.Flush()
	}
	return nil
}

// Results is where the formats for programs go: byte for byte, and escaped on a terminal, where
// nothing but a person reads. What is escaped in JSON is the same JSON.
func (s Streams) Results() io.Writer {
	if Is(s.Raw.Out) {
		return s.Out
	}
	return s.Raw.Out
}

// Is reports whether a stream is a terminal.
func Is(stream any) bool {
	_, is := descriptorOf(stream)
	return is
}

// descriptorOf returns the descriptor of a stream, and whether it is a terminal.
func descriptorOf(stream any) (descriptor int, is bool) {
	file, ok := stream.(interface{ Fd() uintptr })
	if !ok {
		return 0, false
	}
	return int(file.Fd()), term.IsTerminal(int(file.Fd()))
}

// Width returns the columns of the terminal that standard output is; false if it is none.
func (s Streams) Width() (columns int, is bool) {
	descriptor, is := descriptorOf(s.Out)
	if !is {
		return 0, false
	}
	columns, _, err := term.GetSize(descriptor)
	return columns, err == nil && columns > 0
}

// Interactive reports whether a question reaches a person who can answer it.
func (s Streams) Interactive() bool { return Is(s.In) && Is(s.ErrOut) }

// PipedInto reports whether a program or a file is on standard input: no terminal, and not the null
// device.
func (s Streams) PipedInto() bool {
	file, ok := s.In.(interface{ Stat() (os.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice == 0
}
