package solve

import (
	"context"
	"errors"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
)

// Display shows the status of a solve. Attach returns a channel that the solve
// closes; the display reads it until then, also after an error.
type Display interface {
	Attach() chan *client.SolveStatus
}

// Reconnect opens another connection to the daemon, or to another one that can
// continue the build. It retries as long as an error may be transient; ctx ends
// when the connection is no longer needed.
type Reconnect func(ctx context.Context, lost *LostError) (*Daemon, error)

// Build is a request that is built, over as many connections as it takes.
type Build struct {
	Request     *request.Request
	Display     Display
	Attachables []session.Attachable
	// Retries is the number of times that a lost connection is replaced.
	Retries int
	// Reconnect may be nil if there are no retries.
	Reconnect Reconnect
	// Queue is how the build waits on a daemon that has a limit.
	Queue Queue
	// Peer, if not nil, is this build among those that it succeeds with, or not at all.
	Peer *Peer
	// Notice is called for every lost connection, also for one that only seems to be
	// lost, with the outcome of replacing it. It may be nil.
	Notice func(lost *LostError) (over func(error))
}

// Run builds, starting on the connection d. It returns the connection that is
// open at its end: d, or the last one that replaced it; the others are closed.
// Neither a failure nor the end of ctx ends the display: the last messages of the
// daemon are still shown. Output files get their names only if the build
// succeeds.
//
// The errors are the types of this package, what Reconnect returned, or what the
// method Explain(error) error of an attachable returned for them. Only a
// *CacheRefusedError may be returned together with a result.
func (b Build) Run(ctx context.Context, d *Daemon) (*result.Result, *Daemon, error) {
	r := &run{Build: b, daemon: d, retriesLeft: b.Retries}
	attempt := func() *request.Attempt { return b.Request.Attempt(b.Attachables...) }
	built, err := r.retryLost(ctx, attempt)
	var refused *CacheRefusedError
	if !errors.As(err, &refused) {
		return built, r.daemon, err
	}
	options := attempt().Options
	refused.addDetails(options)
	if len(options.Exports) == 0 || b.Request.Unrepeatable() != "" {
		return nil, r.daemon, err
	}
	// The daemon cancels the push when the cache export fails; the image matters more.
	built, err = r.retryLost(ctx, func() *request.Attempt {
		again := attempt()
		refused.removeFrom(again)
		return again
	})
	if err != nil {
		return nil, r.daemon, err
	}
	refused.Built, refused.Pushed = true, built.Line()
	return built, r.daemon, refused
}
