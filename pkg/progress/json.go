package progress

import (
	"encoding/json"
	"io"

	"github.com/moby/buildkit/client"
)

// JSON writes every status as a line of JSON, with the times of the daemon. It is attached once.
type JSON struct {
	w    io.Writer
	done chan struct{} // nil before it is attached
	err  error         // when done
}

// NewJSON returns one that writes to w.
func NewJSON(w io.Writer) *JSON { return &JSON{w: w} }

// Attach returns where the statuses go.
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

// Close waits for the last status, and returns why one could not be written.
func (j *JSON) Close() error {
	if j.done != nil {
		<-j.done
	}
	return j.err
}
