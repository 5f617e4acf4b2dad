package solve

import (
	"context"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// Peers are the builds that run at the same time on other daemons, for other platforms of one
// image. All of them succeed or none does. The methods are called for every connection of the
// build.
type Peers interface {
	// AwaitTurn returns when the build may take its place in the queue of its daemon: if each of
	// two images held the place that the other one waits for, neither would ever begin.
	AwaitTurn(ctx context.Context) error
	// Admitted notes that the build has its place.
	Admitted()
	// AwaitEvaluated notes that all steps of the build have run, and returns when those of all
	// peers have. Nothing is exported before.
	AwaitEvaluated(ctx context.Context) error
}

// alone are the peers of a build that has none.
type alone struct{}

func (alone) AwaitTurn(context.Context) error      { return nil }
func (alone) Admitted()                            {}
func (alone) AwaitEvaluated(context.Context) error { return nil }

// peers returns those of the build, and whether there are any.
func (b Build) peers() (Peers, bool) {
	if b.Peers == nil {
		return alone{}, false
	}
	return b.Peers, true
}

// take waits until the attempt may begin on the daemon, after those of the peers that come first.
func (b Build) take(ctx context.Context, d *Daemon, attempt *request.Attempt, p, former *place) error {
	peers, _ := b.peers()
	if err := peers.AwaitTurn(ctx); err != nil {
		return &CanceledError{Cause: context.Cause(ctx)}
	}
	if err := d.take(ctx, attempt, b.Queue, p, former); err != nil {
		return err
	}
	peers.Admitted()
	return nil
}
