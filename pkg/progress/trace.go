package progress

import (
	"encoding/json"
	"io"
	"sync"

	"github.com/moby/buildkit/client"
)

// Trace writes every status that a display is shown to w too, a line of JSON
// each.
type Trace struct {
	display *Display
	mu      sync.Mutex
	encoder *json.Encoder
	err     error
}

// NewTrace writes to w what is shown on display.
func NewTrace(display *Display, w io.Writer) *Trace {
	return &Trace{display: display, encoder: json.NewEncoder(w)}
}

// Attach returns a channel for the status of one solve, which the solve closes.
func (t *Trace) Attach() chan *client.SolveStatus {
	out, in := t.display.Attach(), make(chan *client.SolveStatus)
	go func() {
		defer close(out)
		for status := range in {
			t.write(status)
			out <- status
		}
	}()
	return in
}

// Err is the first error of writing. It is asked after the display was closed.
func (t *Trace) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *Trace) write(status *client.SolveStatus) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = t.encoder.Encode(status)
	}
}
