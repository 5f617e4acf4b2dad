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

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// Display draws from its first status until Close. All methods may be called
// concurrently.
type Display struct {
	draw    func(chan *client.SolveStatus) ([]client.VertexWarning, error)
	status  chan *client.SolveStatus
	done    chan struct{}
	senders sync.WaitGroup
	replay  *replay
	tails   tails // of a display that shows no logs
	renames bool  // of a display that draws a step again when its name changes

	mu       sync.Mutex
	started  bool
	closed   bool
	warnings []client.VertexWarning
	err      error
}

// Options are the options of a display.
type Options struct {
	// Builder describes the builder: as a phrase, e.g. `building with "buildkitd"`, and as a name
	// for the end of a line. Both may be empty.
	Phrase, Name string
	// NoColors removes colors from the steps' logs.
	NoColors bool
	// Warnings shows warnings at their steps, for callers that do not print them afterwards.
	Warnings bool
}

// New returns a display that draws on out, with its own control codes; mode TTY is an error if out
// is not a terminal. The daemon's text is escaped before it is drawn; in mode RawJSON, which is for
// programs, credentials are masked, also in logs, whose bytes are in base64. The display ignores
// the end of ctx, so that the last lines of a cancelled build are drawn.
func New(ctx context.Context, out io.Writer, mode Mode, options Options) (*Display, error) {
	if mode == RawJSON {
		out = escape.NewWriter(out) // escaping does not change the meaning of JSON
	}
	shown, err := progressui.NewDisplay(out, mode.display(), progressui.WithDesc(escape.Line(options.Phrase), escape.Line(options.Name)))
	if err != nil {
		return nil, fmt.Errorf("showing progress as %q: %w", mode, err)
	}
	ctx = context.WithoutCancel(ctx)
	_, noTerminal := progressui.NewDisplay(out, progressui.TtyMode)
	d := &Display{
		renames: noTerminal == nil && (mode == Auto || mode == TTY),
		status:  make(chan *client.SolveStatus),
		done:    make(chan struct{}),
		replay:  newReplay(),
		tails:   tails{logs: map[digest.Digest][]byte{}},
	}
	silent := mode == Quiet || mode == None
	cleaner := &cleaner{colors: !silent && !options.NoColors, warnings: options.Warnings, logs: map[stream]*escape.Log{}}
	d.draw = func(statuses chan *client.SolveStatus) ([]client.VertexWarning, error) {
		if mode == RawJSON {
			return shown.UpdateFrom(ctx, masked(statuses))
		}
		clean, warnings := make(chan *client.SolveStatus), []client.VertexWarning(nil)
		go func() {
			defer close(clean)
			for status := range statuses {
				for _, warning := range status.Warnings {
					warnings = append(warnings, *warning)
				}
				status = cleaner.clean(status)
				if silent {
					d.tails.note(status)
				}
				clean <- status
			}
		}()
		_, err := shown.UpdateFrom(ctx, clean)
		return warnings, err
	}
	return d, nil
}

// Attach returns a channel for the status of one solve, which the solve closes. A
// later solve is the same build sent again: what was shown of it is not shown again.
// The daemon's times are shifted to begin now, since its clock may differ.
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

// Wait is a step of the client that lasts, and whose state changes. All methods may be called on
// nil.
type Wait struct {
	display *Display
	name    string
	vertex  client.Vertex
}

// Wait shows a step that waits for something.
func (d *Display) Wait(name string) *Wait {
	started := time.Now()
	return &Wait{display: d, name: name, vertex: client.Vertex{Digest: digest.FromString(identity.NewID()), Name: name, Started: &started}}
}

// Show shows the state: on a terminal in the name of the step, else as a line below it.
func (w *Wait) Show(state string) {
	if w == nil {
		return
	}
	vertex, status := w.vertex, &client.SolveStatus{}
	if w.display.renames {
		vertex.Name = w.name + ": " + state
	} else {
		status.Logs = []*client.VertexLog{{Vertex: vertex.Digest, Stream: 1, Data: []byte(state + "\n"), Timestamp: time.Now()}}
	}
	status.Vertexes = []*client.Vertex{&vertex}
	w.display.send(status)
}

// End ends the step.
func (w *Wait) End() {
	if w == nil {
		return
	}
	completed, ended := time.Now(), w.vertex
	ended.Completed = &completed
	w.display.send(&client.SolveStatus{Vertexes: []*client.Vertex{&ended}})
}

// Close waits until everything is drawn, and returns the build's warnings.
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

// enter starts drawing with the first status: a command that fails before draws
// nothing.
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
