package tunnel

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
)

// cut is a link that can be read to its end and no longer written to, as after the other side has
// hung up.
type cut struct {
	*wire
	failed chan struct{} // closed by the first write, which the reader waits for
}

func (c *cut) Write([]byte) (int, error) {
	close(c.failed)
	return 0, syscall.EPIPE
}

func (c *cut) Read(p []byte) (int, error) {
	<-c.failed
	synctest.Wait() // whatever the failure leads to comes first
	return c.wire.Read(p)
}

// What the node said before it hung up is the reason, not the failure to send that follows from it.
func TestFailureToSendIsNotTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := saying(errorStream, "dial tcp4 127.0.0.1:1234: connect: connection refused")
		link := &cut{wire: newWire(bytes.NewReader(frames(t, words))), failed: make(chan struct{})}
		c, err := forward(link, Target{Namespace: "team", Pod: "buildkitd", Port: 1234})
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(c)
		var refused *ConnRefusedError
		if !errors.As(err, &refused) {
			t.Errorf("got %v; want a ConnRefusedError", err)
		}
		_ = c.Close()
		<-link.closed
	})
}
