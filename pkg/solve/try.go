package solve

import (
	"context"
	"errors"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

// cancelGrace is how long a cancelled build may take to stop its steps and tell
// what became of them. The client itself waits five seconds for that.
const cancelGrace = 8 * time.Second

// unheardGrace is that of a build of which the daemon has told nothing yet: it may
// not have begun it, and then has nothing to tell.
const unheardGrace = 500 * time.Millisecond

// try is one sending of a build over one connection.
type try struct {
	daemon  *Daemon
	attempt *request.Attempt
	steps   *steps
	stop    context.CancelFunc

	done     chan struct{} // closed when it has ended
	response *client.SolveResponse
	err      error // a type of this package
}

// begin sends the attempt. The caller that gets the try concludes or abandons it.
func begin(ctx context.Context, d *Daemon, attempt *request.Attempt, display Display, attachables []session.Attachable) *try {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &try{daemon: d, attempt: attempt, steps: newSteps(), stop: func() { cancel(nil) }, done: make(chan struct{})}
	upload.Guard(&attempt.Options, attempt.Upload, func(unread *upload.FileError) { cancel(unread) })
	settled := context.AfterFunc(ctx, attempt.Interrupt)
	go func() {
		defer close(t.done)
		defer settled()
		var meter *upload.Meter
		if meter, t.err = d.prepare(ctx, attempt); t.err != nil {
			return
		}
		readers := []func(*client.SolveStatus){t.steps.note}
		if meter != nil {
			readers = append(readers, meter.Annotate)
		}
		t.response, t.err = d.solve(ctx, attempt, t.steps, tee(display.Attach(), readers...))
		if t.err != nil {
			t.err = t.explain(ctx, t.err, attachables)
		}
	}()
	return t
}

// prepare adds to the attempt what belongs to this connection. The meter is nil if
// what is uploaded is not measured.
func (d *Daemon) prepare(ctx context.Context, attempt *request.Attempt) (*upload.Meter, error) {
	if attempt.Options.ProxyNetwork {
		if err := d.knowsProxyNetwork(ctx); err != nil {
			return nil, err
		}
	}
	if err := d.newSession(ctx, &attempt.Options); err != nil {
		return nil, err
	}
	if attempt.Definition != nil { // BuildKit's client compares a definition with the directories it serves itself
		return nil, nil
	}
	return upload.Serve(&attempt.Options, attempt.Upload, d.stats)
}

// lost is how the try lost its connection, nil if it ended in another way.
func (t *try) lost() *LostError {
	var lost *LostError
	if errors.As(t.err, &lost) {
		return lost
	}
	return nil
}

// endings are what may end the waiting for a silent try: its end, or its next
// word. Of one that has lost its connection for good neither is to be waited for.
func (t *try) endings() (ended, resumed <-chan struct{}) {
	if isClosed(t.done) && t.lost() != nil {
		return nil, nil
	}
	return t.done, t.daemon.link.resumed()
}

// finish gives what the daemon sent its names.
func (t *try) finish() (*result.Result, error) {
	<-t.done
	defer t.stop()
	defer t.attempt.Discard()
	if t.err != nil {
		return nil, t.err
	}
	if err := t.attempt.Commit(); err != nil {
		return nil, err
	}
	return t.attempt.Result(t.response.ExporterResponse), nil
}

// cancel hangs up, and waits until nothing of the try is left. If the daemon
// still heard it, it stops what no other build needs.
func (t *try) cancel() {
	t.daemon.hangUp()
	t.stop()
	<-t.done
	t.attempt.Discard()
}

// solve returns soon after the end of ctx: a daemon that does not answer then
// loses the connection, which ends the call.
func (d *Daemon) solve(ctx context.Context, attempt *request.Attempt, steps *steps, statuses chan *client.SolveStatus) (*client.SolveResponse, error) {
	type answer struct {
		response *client.SolveResponse
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		if attempt.Subrequest != "" || attempt.Dockerfile != nil || len(attempt.Stages)+len(attempt.Policies) > 0 {
			response, err := d.buildWithGateway(ctx, attempt, statuses)
			answered <- answer{response, err}
			return
		}
		response, err := d.client.Solve(ctx, attempt.Definition, attempt.Options, statuses)
		answered <- answer{response, err}
	}()
	select {
	case got := <-answered:
		return got.response, got.err
	case <-ctx.Done():
	}
	grace := d.grace
	if !steps.heard() {
		grace = min(grace, unheardGrace)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case got := <-answered:
		return got.response, got.err
	case <-timer.C:
		_ = d.Close()
	}
	got := <-answered
	return got.response, got.err
}

func (t *try) explain(ctx context.Context, err error, attachables []session.Attachable) error {
	var unread *upload.FileError
	if errors.As(context.Cause(ctx), &unread) {
		return unread
	}
	if ctx.Err() != nil {
		return &CanceledError{Cause: context.Cause(ctx)}
	}
	if lost := t.daemon.lost(err); lost != nil {
		return lost
	}
	if unwritten := t.attempt.Unwritten(err.Error()); unwritten != nil {
		return unwritten
	}
	typed := buildError(err, t.steps)
	if diskFull(typed, t.attempt) {
		return &FullDiskError{Cause: typed}
	}
	var step *FailedStepError
	if errors.As(typed, &step) && step.ExitCode >= 0 {
		return diagnose(typed, t.steps) // the step's own program failed, whatever its text says
	}
	before := typed
	for _, attachable := range attachables {
		if knows, ok := attachable.(explainer); ok {
			typed = knows.Explain(typed)
		}
	}
	if typed != before { //nolint:errorlint // an attachable knows more than the text says
		return typed
	}
	return diagnose(typed, t.steps)
}
