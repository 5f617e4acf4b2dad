package solve

import (
	"context"
	"errors"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
)

// Display shows the status of a solve. The channel is closed by the solve, and
// read until then whatever happens.
type Display interface {
	Attach() chan *client.SolveStatus
}

// Reconnect opens another connection to the daemon, or to another one that can go
// on in its place. It tries for as long as that may help, and is told by the end
// of ctx that it is not needed any more.
type Reconnect func(ctx context.Context, lost *LostError) (*Daemon, error)

// Build is a request on its way to a result.
type Build struct {
	Request     *request.Request
	Display     Display
	Attachables []session.Attachable
	// Retries is how often a lost connection is replaced.
	Retries int
	// Reconnect may be nil if there are no retries.
	Reconnect Reconnect
	// Notice is told of every loss, also of one that is only suspected, and how it
	// was overcome, or not. It may be nil.
	Notice func(lost *LostError) (over func(error))
}

// Run builds, starting on the connection d. It returns the connection that is
// open at its end: d, or the last that took its place, the others being closed.
// The display is not ended by a failure, nor by the end of ctx: what the daemon
// says last is still shown. Output files get their names only if the build
// succeeds.
//
// The errors are the types of this package, what Reconnect returned, or what an
// attachable with a method Explain(error) error made of them. Only a
// *CacheRefusedError may come with a result.
func (b Build) Run(ctx context.Context, d *Daemon) (*result.Result, *Daemon, error) {
	r := &run{Build: b, daemon: d, left: b.Retries}
	attempt := func() *request.Attempt { return b.Request.Attempt(b.Attachables...) }
	built, err := r.persist(ctx, attempt)
	var refused *CacheRefusedError
	if !errors.As(err, &refused) {
		return built, r.daemon, err
	}
	options := attempt().Options
	refused.look(options)
	if len(options.Exports) == 0 || b.Request.Unrepeatable() != "" {
		return nil, r.daemon, err
	}
	// The daemon gives up the push with the cache; the image is worth more.
	built, err = r.persist(ctx, func() *request.Attempt {
		again := attempt()
		refused.without(again)
		return again
	})
	if err != nil {
		return nil, r.daemon, err
	}
	refused.Built, refused.Pushed = true, built.Line()
	return built, r.daemon, refused
}
