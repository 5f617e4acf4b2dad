package progress

import (
	"encoding/json"
	"io"

	"github.com/moby/buildkit/client"
)

// JSON writes every status as a line of JSON, with the times of the daemon. Attach may be called
// once.
type JSON struct {
	w    io.Writer
	done chan struct{} // nil before it is attached
	err  error         // when done
}

// NewJSON returns a JSON that writes to w.
func NewJSON(w io.Writer) *JSON { return &JSON{w: w} }

// Attach returns the channel for the statuses, which the solve closes.
func (j *JSON) Attach() chan *client.SolveStatus {
	statuses := make(chan *client.SolveStatus)
	j.done = make(chan struct{})
	go func() {
		defer close(j.done)
		encoder := json.NewEncoder(j.w)
		for status := range statuses {
			if j.err == nil {
				j.err = encoder.Encode(status)
			}
		}
	}()
	return statuses
}

// Close waits for the last status, and returns the first write error.
func (j *JSON) Close() error {
	if j.done != nil {
		<-j.done
	}
	return j.err
}
