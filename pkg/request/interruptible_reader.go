package request

import (
	"context"
	"io"
)

// chunk is the size of the read buffer, in bytes.
const chunk = 64 << 10

// Interruptible returns a reader of r: after the end of ctx, a Read that waits for a
// terminal or a pipe returns the context's cause. Its goroutine ends with the
// process.
func Interruptible(ctx context.Context, r io.Reader) io.Reader {
	return &interruptible{
		from: r,
		done: ctx.Done(),
		why:  func() error { return context.Cause(ctx) },
	}
}

type interruptible struct {
	from io.Reader
	done <-chan struct{}
	why  func() error

	pieces chan piece
	rest   []byte
	err    error
}

type piece struct {
	data []byte
	err  error
}

// Read starts reading from the source with the first call: standard input that is not
// used is left for the next process.
func (i *interruptible) Read(b []byte) (int, error) {
	if i.pieces == nil {
		i.pieces = make(chan piece)
		go i.pump()
	}
	for len(i.rest) == 0 {
		if i.err != nil {
			return 0, i.err
		}
		select {
		case next := <-i.pieces:
			i.rest, i.err = next.data, next.err
		case <-i.done:
			i.err = i.why()
		}
	}
	n := copy(b, i.rest)
	i.rest = i.rest[n:]
	return n, nil
}

func (i *interruptible) pump() {
	for {
		buffer := make([]byte, chunk)
		n, err := i.from.Read(buffer)
		select {
		case i.pieces <- piece{buffer[:n], err}:
		case <-i.done:
			return
		}
		if err != nil {
			return
		}
	}
}
