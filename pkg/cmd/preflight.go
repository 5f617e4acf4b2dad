package cmd

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// preflightGrace is how much longer than the way to the builder the registries may take. After it the build starts, and
// a refusal ends it.
const preflightGrace = 150 * time.Millisecond

// preflight is the question whether the pushes will be allowed, asked beside all that a build does before its end.
type preflight struct {
	done   chan struct{}
	err    error                            // when done
	doubts []*registryauth.UnreachableError // when done; registries that did not answer this machine
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
	credentials.Name(req.Pushes(), req.Images())
	if o.preflight {
		references = req.Pushes()
	}
	building, refuse := context.WithCancelCause(ctx)
	p := &preflight{done: make(chan struct{})}
	go func() {
		doubts, err := credentials.Preflight(ctx, references)
		if p.doubts = doubts; err != nil {
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

// warn prints what makes a push to the builder's registries doubtful, if that is known already. Else the display shows
// it when it is, until ctx ends: the push comes last, and its end is not worth waiting for.
func (p *preflight) warn(ctx context.Context, f *factory, b *connected) (later func(*progress.Display, progress.Mode)) {
	line := func(text string) { escape.Fprintln(f.streams.ErrOut, "warning: "+text) }
	select {
	case <-p.done:
		p.report(b, line)
		return func(*progress.Display, progress.Mode) {}
	default:
	}
	return func(display *progress.Display, mode progress.Mode) {
		select {
		case <-p.done:
		case <-ctx.Done():
			return
		}
		if mode != progress.Quiet && mode != progress.None { // those draw nothing that a line could break
			line = func(text string) { display.Step("warning: " + text)(nil) }
		}
		p.report(b, line)
	}
}

func (p *preflight) report(b *connected, line func(string)) {
	for _, doubt := range p.doubts {
		if text := doubtOf(doubt, b); text != "" {
			line(text)
		}
	}
}

// doubtOf says of a registry that did not answer this machine what that means for the builder; empty if nothing.
func doubtOf(doubt *registryauth.UnreachableError, b *connected) string {
	if local(doubt.Host) {
		return "" // the builder's is another
	}
	reason := solve.Reason("")
	switch {
	case b.connection == nil && (doubt.Plain || doubt.Untrusted):
		return "" // what an unmanaged builder trusts is its own
	case doubt.Plain:
		reason = solve.RegistryPlain
	case doubt.Untrusted:
		reason = solve.RegistryUntrusted
	default:
		return fmt.Sprintf("%v; if builder %q does not reach it either, the push will fail; --preflight=false leaves out this question",
			doubt, b.member.Builder)
	}
	text, next := builderOf(b.member).aboutRegistry(&solve.DiagnosedError{Reason: reason, Host: doubt.Host})
	return text + "; the push will fail: " + next
}

// local reports whether a host is another one in the cluster than on this machine.
func local(host string) bool {
	name := host
	if only, _, err := net.SplitHostPort(host); err == nil {
		name = only
	}
	if address := net.ParseIP(name); address != nil {
		return address.IsLoopback()
	}
	return name == "localhost" || strings.HasSuffix(name, ".svc") || strings.HasSuffix(name, ".cluster.local") || !strings.Contains(name, ".")
}
