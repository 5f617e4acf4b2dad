package progress

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"
)

// Display draws from its first status until Close. All methods may be called at
// the same time.
type Display struct {
	draw    func(chan *client.SolveStatus) ([]client.VertexWarning, error)
	status  chan *client.SolveStatus
	done    chan struct{}
	senders sync.WaitGroup
	replay  *replay

	mu       sync.Mutex
	started  bool
	closed   bool
	warnings []client.VertexWarning
	err      error
}

// New makes a display that draws on out; mode TTY is an error if out is no
// terminal. It ignores the end of ctx, so that the last lines of a build that was
// cancelled are still drawn.
func New(ctx context.Context, out io.Writer, mode Mode) (*Display, error) {
	shown, err := progressui.NewDisplay(out, mode.display())
	if err != nil {
		return nil, fmt.Errorf("showing progress as %q: %w", mode, err)
	}
	ctx = context.WithoutCancel(ctx)
	draw := func(statuses chan *client.SolveStatus) ([]client.VertexWarning, error) {
		return shown.UpdateFrom(ctx, statuses)
	}
	return &Display{
		draw:   draw,
		status: make(chan *client.SolveStatus),
		done:   make(chan struct{}),
		replay: newReplay(),
	}, nil
}

// Attach returns a channel for the status of one solve, which the solve closes. A
// later solve is the same build sent again: what is known of it is not shown again.
// The daemon's clock is not this machine's: its times are shifted to begin now.
func (d *Display) Attach() chan *client.SolveStatus {
	statuses := make(chan *client.SolveStatus)
	if !d.enter() {
		go drain(statuses)
		return statuses
	}
	go func() {
		defer d.senders.Done()
		sending := d.replay.send(&clock{now: time.Now()})
		for status := range statuses {
			d.status <- sending.show(status)
		}
	}()
	return statuses
}

// Step shows a step of the client as running, until end is called with its
// error.
func (d *Display) Step(name string) (end func(error)) {
	started := time.Now()
	vertex := client.Vertex{Digest: digest.FromString(identity.NewID()), Name: name, Started: &started}
	d.send(&client.SolveStatus{Vertexes: []*client.Vertex{&vertex}})
	return func(err error) {
		completed, ended := time.Now(), vertex
		ended.Completed = &completed
		if err != nil {
			ended.Error = err.Error()
		}
		d.send(&client.SolveStatus{Vertexes: []*client.Vertex{&ended}})
	}
}

// Close waits until everything is drawn, and returns the warnings of the build.
func (d *Display) Close() ([]client.VertexWarning, error) {
	d.mu.Lock()
	first := !d.closed
	d.closed = true
	started := d.started
	d.mu.Unlock()
	if first && started {
		d.senders.Wait()
		close(d.status)
	}
	if started {
		<-d.done
	}
	return d.warnings, d.err
}

// enter begins the drawing with the first status: a command that fails before
// it draws nothing.
func (d *Display) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.senders.Add(1)
	if !d.started {
		d.started = true
		go func() {
			defer close(d.done)
			d.warnings, d.err = d.draw(d.status)
		}()
	}
	return true
}

func (d *Display) send(status *client.SolveStatus) {
	if d.enter() {
		defer d.senders.Done()
		d.status <- status
	}
}

func drain(statuses <-chan *client.SolveStatus) {
	for range statuses {
		continue
	}
}
