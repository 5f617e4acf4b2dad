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

// cancelGrace is how long a cancelled build may take to stop its steps and report
// their end. BuildKit's client itself waits five seconds for that.
const cancelGrace = 8 * time.Second

// unstartedGrace is that of a build of which the daemon has reported no step: it may
// not have begun it.
const unstartedGrace = 500 * time.Millisecond

// try is a build that was sent once, over one connection.
type try struct {
	daemon  *Daemon
	attempt *request.Attempt
	steps   *steps
	place   *place // in the queue of the daemon
	stop    context.CancelFunc

	done     chan struct{} // closed when it has ended
	response *client.SolveResponse
	err      error // a type of this package
}

// begin sends the attempt as soon as the daemon has room for it. The former place of the build is
// nil for the first try. The caller must call finish or cancel on the try.
func begin(ctx context.Context, d *Daemon, attempt *request.Attempt, b Build, former *place) *try {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &try{
		daemon: d, attempt: attempt, steps: newSteps(), place: newPlace(d, attempt.Options.Ref, former),
		stop: func() { cancel(nil) }, done: make(chan struct{}),
	}
	upload.Guard(&attempt.Options, attempt.Upload, func(unread *upload.FileError) { cancel(unread) })
	settled := context.AfterFunc(ctx, attempt.Interrupt)
	go func() {
		defer close(t.done)
		defer settled()
		defer t.place.leave()
		if t.err = b.Peer.take(ctx, d, attempt, b.Queue, t.place, former); t.err != nil {
			t.err = t.unread(ctx, t.err)
			return
		}
		var meter *upload.Meter
		if meter, t.err = d.prepare(ctx, attempt); t.err != nil {
			return
		}
		readers := []func(*client.SolveStatus){t.steps.record}
		if meter != nil {
			readers = append(readers, meter.Annotate)
		}
		t.response, t.err = d.solve(ctx, attempt, b.Peer, t.steps, tee(b.Display.Attach(), readers...))
		if t.err != nil {
			t.err = t.explain(ctx, t.err, b.Attachables)
		}
	}()
	return t
}

// prepare adds the session and the upload of this connection to the attempt. The
// meter is nil if the upload is not measured.
func (d *Daemon) prepare(ctx context.Context, attempt *request.Attempt) (*upload.Meter, error) {
	if attempt.Options.ProxyNetwork {
		if err := d.checkProxyNetwork(ctx); err != nil {
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

// lost returns the loss of the try's connection; nil if the try ended otherwise.
func (t *try) lost() *LostError {
	var lost *LostError
	if errors.As(t.err, &lost) {
		return lost
	}
	return nil
}

// endings returns the channels that may end the wait for a silent try: its end, and
// the next data on its connection. Both are nil if the connection is lost for good.
func (t *try) endings() (ended, resumed <-chan struct{}) {
	if isClosed(t.done) && t.lost() != nil {
		return nil, nil
	}
	return t.done, t.daemon.state.resumed()
}

// finish waits for the end of the try, and gives the output files their names.
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

// cancel closes the connection, and waits until the try has ended. The daemon then
// stops the steps that no other build needs.
func (t *try) cancel() {
	t.daemon.closeNow()
	t.stop()
	<-t.done
	t.attempt.Discard()
}

// solve returns soon after the end of ctx: if the daemon does not respond, the
// connection is closed, which ends the call.
func (d *Daemon) solve(ctx context.Context, attempt *request.Attempt, peer *Peer, steps *steps, statuses chan *client.SolveStatus) (*client.SolveResponse, error) {
	type answer struct {
		response *client.SolveResponse
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		if peer != nil || attempt.Subrequest != "" || attempt.Dockerfile != nil || len(attempt.Stages)+len(attempt.Policies) > 0 {
			response, err := d.buildWithGateway(ctx, attempt, peer, statuses)
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
	if !steps.any() {
		grace = min(grace, unstartedGrace)
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

// unread returns the error of a file that could not be read, which ends the try, or else err.
func (t *try) unread(ctx context.Context, err error) error {
	var unread *upload.FileError
	if errors.As(context.Cause(ctx), &unread) {
		return unread
	}
	return err
}

func (t *try) explain(ctx context.Context, err error, attachables []session.Attachable) error {
	if unread := t.unread(ctx, nil); unread != nil {
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
		return diagnose(typed, t.steps) // the step's own program failed, whatever the text of the error
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
