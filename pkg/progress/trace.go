package progress

import (
	"encoding/json"
	"io"
	"sync"

	"github.com/moby/buildkit/client"
)

// attacher is a display of solves.
type attacher interface {
	Attach() chan *client.SolveStatus
}

// Tap passes every status of a display to a function too.
type Tap struct {
	display attacher
	see     func(*client.SolveStatus)
}

// NewTap returns a Tap that calls see with each status before display shows it.
// Concurrent solves call it concurrently.
func NewTap(display attacher, see func(*client.SolveStatus)) *Tap {
	return &Tap{display: display, see: see}
}

// Attach returns a channel for the status of one solve, which the solve closes.
func (t *Tap) Attach() chan *client.SolveStatus {
	out, in := t.display.Attach(), make(chan *client.SolveStatus)
	go func() {
		defer close(out)
		for status := range in {
			t.see(status)
			out <- status
		}
	}()
	return in
}

// Trace writes every status of a display to w too, a line of JSON each, with
// credentials masked.
type Trace struct {
	*Tap
	mu      sync.Mutex
	encoder *json.Encoder
	err     error
}

// NewTrace returns a Trace of display that writes to w.
func NewTrace(display attacher, w io.Writer) *Trace {
	trace := &Trace{encoder: json.NewEncoder(w)}
	trace.Tap = NewTap(display, trace.write)
	return trace
}

// Err returns the first write error. Call it after the display was closed.
func (t *Trace) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *Trace) write(status *client.SolveStatus) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = t.encoder.Encode(Masked(status))
	}
}
