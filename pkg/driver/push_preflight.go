package driver

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// preflightGrace is how much longer than the connection to the builder the registries may take.
// After it the build starts, and a refusal ends it.
const preflightGrace = 150 * time.Millisecond

// preflight is the check, made beside the build, whether the registries will accept its pushes.
type preflight struct {
	done   chan struct{}
	err    error                            // when done
	doubts []*registryauth.UnreachableError // when done; registries that did not answer this machine
}

// PreflightError is returned for a push that a registry refuses before the build.
type PreflightError struct{ Err error }

func (e *PreflightError) Error() string { return e.Err.Error() }
func (e *PreflightError) Unwrap() error { return e.Err }

// Class returns that of Err.
func (e *PreflightError) Class() fault.Class { return fault.Of(e.Err) }

// PushDoubtError is the warning that a push to a registry is likely to fail.
type PushDoubtError struct {
	Member cluster.Member
	// Reason is what is wrong between the builder and the registry; empty if only this machine's
	// connection to it is known.
	Reason solve.Reason
	Err    *registryauth.UnreachableError
}

func (e *PushDoubtError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("%v; if builder %q does not reach it either, the push will fail", e.Err, e.Member.Builder)
	}
	return fmt.Sprintf("%v; the push will fail", e.Err)
}

func (e *PushDoubtError) Unwrap() error { return e.Err }

// Class returns fault.Failed.
func (*PushDoubtError) Class() fault.Class { return fault.Failed }

// startPreflight returns a context that a refusal ends.
func startPreflight(ctx context.Context, credentials *registryauth.Provider, req *request.Request, ask bool) (context.Context, *preflight) {
	var references []string
	if ask {
		references = req.Pushes()
	}
	building, refuse := context.WithCancelCause(ctx)
	p := &preflight{done: make(chan struct{})}
	go func() {
		doubts, err := credentials.Preflight(ctx, references)
		if p.doubts = doubts; err != nil {
			p.err = &PreflightError{Err: err}
		}
		close(p.done)
		if p.err != nil {
			refuse(p.err)
		}
	}()
	return building, p
}

// wait gives the registries a moment more, since a refusal is better before the first step than
// after it.
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

// warn reports what makes a push to the builder's registries doubtful, once they have answered or
// ctx has ended: the push comes last, and its end is not worth waiting for. It may be called on
// nil.
func (p *preflight) warn(ctx context.Context, c *Connection, show func(Notice)) {
	if p == nil {
		return
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return
	}
	for _, doubt := range p.doubts {
		if err := doubtOf(doubt, c); err != nil {
			show(Notice{Text: err.Error(), Warning: true, Err: err})
		}
	}
}

// doubtOf returns what a registry that does not answer this machine means for the builder; nil if
// nothing.
func doubtOf(doubt *registryauth.UnreachableError, c *Connection) error {
	found := &PushDoubtError{Member: c.Member, Err: doubt}
	switch {
	case isLocal(doubt.Host):
		return nil // the builder's is another
	case c.Certificates == nil && (doubt.Plain || doubt.Untrusted):
		return nil // what an unmanaged builder trusts is its own
	case doubt.Plain:
		found.Reason = solve.RegistryPlain
	case doubt.Untrusted:
		found.Reason = solve.RegistryUntrusted
	}
	return found
}

// isLocal reports whether a host is another one in the cluster than on this machine.
func isLocal(host string) bool {
	name := host
	if only, _, err := net.SplitHostPort(host); err == nil {
		name = only
	}
	if address := net.ParseIP(name); address != nil {
		return address.IsLoopback()
	}
	return name == "localhost" || strings.HasSuffix(name, ".svc") || strings.HasSuffix(name, ".cluster.local") || !strings.Contains(name, ".")
}
