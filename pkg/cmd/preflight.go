package cmd

import (
	"context"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// preflightGrace is how much longer than the way to the builder the registries may take. After it the build starts, and
// a refusal ends it.
const preflightGrace = 150 * time.Millisecond

// preflight is the question whether the pushes will be allowed, asked beside all that a build does before its end.
type preflight struct {
	done chan struct{}
	err  error // when done
}

// preflightError is a refusal before the push.
type preflightError struct{ err error }

func (e *preflightError) Error() string { return e.err.Error() }
func (e *preflightError) Unwrap() error { return e.err }

// startPreflight returns a context that a refusal ends.
func (o registryOptions) startPreflight(
	ctx context.Context, credentials *registryauth.Provider, req *request.Request,
) (context.Context, *preflight) {
	var references []string
	if o.preflight {
		references = req.Pushes()
	}
	building, refuse := context.WithCancelCause(ctx)
	p := &preflight{done: make(chan struct{})}
	go func() {
		if err := credentials.Preflight(ctx, references); err != nil {
			p.err = &preflightError{err}
		}
		close(p.done)
		if p.err != nil {
			refuse(p.err)
		}
	}()
	return building, p
}

// wait gives the registries a moment more, since a refusal is better before the first step than after it.
func (p *preflight) wait(ctx context.Context) error {
	timer := time.NewTimer(preflightGrace)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// or is the refusal, if there is one, in place of what it made of the build.
func (p *preflight) or(err error) error {
	select {
	case <-p.done:
		if p.err != nil {
			return p.err
		}
	default:
	}
	return err
}
