package escape

import (
	"io"
	"sync"
	"unicode/utf8"
)

// noFile is the descriptor of a writer that is not a file.
const noFile = ^uintptr(0)

// Writer escapes with Text everything that is written to it, also characters that are split between
// calls.
type Writer struct {
	mu      sync.Mutex
	to      io.Writer
	pending []byte // the beginning of a character or of a line break
	failed  error  // the first error of the writer below
}

// NewWriter returns a Writer that writes to to.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Write returns len(b) or an error of the writer below.
func (w *Writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	whole := append(w.pending, b...)
	end := len(whole) - unfinished(whole)
	w.pending = append([]byte(nil), whole[end:]...)
	if end == 0 {
		return len(b), nil
	}
	if err := w.write(Text(string(whole[:end]))); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (w *Writer) write(text string) error {
	_, err := io.WriteString(w.to, text)
	if err != nil && w.failed == nil {
		w.failed = err
	}
	return err
}

// Flush writes an incomplete character. It returns the first error of any Write, since callers
// rarely check each one.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := string(w.pending)
	w.pending = nil
	if rest != "" {
		_ = w.write(Text(rest))
	}
	return w.failed
}

// Fd returns the descriptor of the file below, to check whether it is a terminal; an invalid one if
// it is not a file.
func (w *Writer) Fd() uintptr {
	if file, ok := w.to.(interface{ Fd() uintptr }); ok {
		return file.Fd()
	}
	return noFile
}

// unfinished returns how many bytes at the end of b are the beginning of a character, or a CR that
// LF may follow.
func unfinished(b []byte) int {
	if len(b) > 0 && b[len(b)-1] == '\r' {
		return 1
	}
	return unfinishedRune(b)
}

// unfinishedRune returns how many bytes at the end of b are the beginning of a character.
func unfinishedRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}
