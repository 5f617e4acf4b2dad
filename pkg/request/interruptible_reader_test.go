package request

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestInterruptible(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 3*chunk/10)
	for name, source := range map[string]io.Reader{
		"whole":        bytes.NewReader(want),
		"in pieces":    iotest.HalfReader(bytes.NewReader(want)),
		"EOF and data": iotest.DataErrReader(bytes.NewReader(want)),
	} {
		got, err := io.ReadAll(Interruptible(t.Context(), source))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes of %d, %v", name, len(got), len(want), err)
		}
	}
	broken := errors.New("unplugged")
	if _, err := io.ReadAll(Interruptible(t.Context(), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// TestInterrupted proves that Ctrl-C ends a build that waits for a Dockerfile
// which is not typed.
func TestInterrupted(t *testing.T) {
	silent, writer := io.Pipe()
	defer func() { _ = writer.Close() }()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("Ctrl-C")
	env := workspace(t, nil)
	env.Stdin = Interruptible(ctx, silent)
	cancel(why)
	_, err := New(t.Context(), with(func(o *Options) { o.File = "-" }), env)
	if err == nil {
		t.Fatal("got a request")
	}
	if _, err := env.Stdin.Read(make([]byte, 1)); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}
