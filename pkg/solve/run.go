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

// Display shows the status of a solve. The channel is closed by the solve, and
// read until then whatever happens.
type Display interface {
	Attach() chan *client.SolveStatus
}

// Run builds the request. The display is not ended by a failure, nor by the end
// of ctx: what the daemon says last is still shown. Output files get their names
// only if the build succeeds.
//
// The errors are the types of this package, or what an attachable with a method
// Explain(error) error made of them. Only a *CacheRefusedError may come with a
// result.
func (d *Daemon) Run(ctx context.Context, req *request.Request, display Display, attachables ...session.Attachable) (*result.Result, error) {
	attempt := req.Attempt(attachables...)
	if attempt.Options.ProxyNetwork {
		if err := d.knowsProxyNetwork(ctx); err != nil {
			return nil, err
		}
	}
	built, err := d.run(ctx, attempt, display, attachables)
	var refused *CacheRefusedError
	if !errors.As(err, &refused) {
		return built, err
	}
	refused.look(attempt.Options)
	if len(attempt.Options.Exports) == 0 || !req.Replayable() {
		return nil, err
	}
	// The daemon gives up the push with the cache; the image is worth more.
	again := req.Attempt(attachables...)
	refused.without(again)
	if built, err = d.run(ctx, again, display, attachables); err != nil {
		return nil, err
	}
	refused.Built, refused.Pushed = true, built.Line()
	return built, refused
}

// run makes one attempt.
func (d *Daemon) run(ctx context.Context, attempt *request.Attempt, display Display, attachables []session.Attachable) (*result.Result, error) {
	defer attempt.Discard()
	if err := d.newSession(ctx, &attempt.Options); err != nil {
		return nil, err
	}
	steps := newStepNames()
	readers := []func(*client.SolveStatus){steps.note}
	if attempt.Definition == nil { // BuildKit's client compares a definition with the directories it serves itself
		meter, err := upload.Serve(&attempt.Options, attempt.Upload, d.gauge)
		if err != nil {
			return nil, err
		}
		readers = append(readers, meter.Annotate)
	}
	response, err := d.solve(ctx, attempt, tee(display.Attach(), readers...))
	if err != nil {
		return nil, d.explain(ctx, err, steps, attachables)
	}
	if err := attempt.Commit(); err != nil {
		return nil, err
	}
	return attempt.Result(response.ExporterResponse), nil
}

// solve returns soon after the end of ctx: a daemon that does not answer then
// loses the connection, which ends the call.
func (d *Daemon) solve(ctx context.Context, attempt *request.Attempt, statuses chan *client.SolveStatus) (*client.SolveResponse, error) {
	type answer struct {
		response *client.SolveResponse
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		if attempt.Subrequest != "" || attempt.Dockerfile != nil || len(attempt.Stages) > 0 {
			response, err := d.steer(ctx, attempt, statuses)
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
	timer := time.NewTimer(d.grace)
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

func (d *Daemon) explain(ctx context.Context, err error, steps *stepNames, attachables []session.Attachable) error {
	if ctx.Err() != nil {
		return &CanceledError{Cause: context.Cause(ctx)}
	}
	if lost := d.lost(err); lost != nil {
		return lost
	}
	typed := buildError(err, steps)
	var step *FailedStepError
	if errors.As(typed, &step) && step.ExitCode >= 0 {
		return typed // the step's own program failed, whatever its text says
	}
	for _, attachable := range attachables {
		if knows, ok := attachable.(explainer); ok {
			typed = knows.Explain(typed)
		}
	}
	return typed
}
