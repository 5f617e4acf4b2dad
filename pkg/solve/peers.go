package solve

import (
	"context"
	"sync"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// peers are builds that run at the same time on several daemons, for different platforms of one
// image: all of them succeed or none does.
type peers struct {
	mu        sync.Mutex
	admitted  []chan struct{} // closed when the build of that rank has its place in a queue
	running   map[int]bool    // the builds whose steps still run
	evaluated chan struct{}   // closed when there are none
}

// Peer is one of several builds, which run on different daemons and succeed together or not at all:
// none exports anything before the steps of all have run. A nil Peer is a build alone.
type Peer struct {
	*peers
	rank int
}

// NewPeers returns the peers, in the order in which they take their places in the queues of their
// daemons. It is to be the same for every client: if each of two builds held the place that the
// other one waits for, neither would ever begin.
func NewPeers(builds int) []*Peer {
	all := &peers{running: map[int]bool{}, evaluated: make(chan struct{})}
	var each []*Peer
	for rank := range builds {
		all.admitted, all.running[rank] = append(all.admitted, make(chan struct{})), true
		each = append(each, &Peer{all, rank})
	}
	return each
}

// take waits until the attempt may begin on the daemon, after the peers that come before.
func (p *Peer) take(ctx context.Context, d *Daemon, attempt *request.Attempt, q Queue, own, former *place) error {
	if p != nil && p.rank > 0 {
		if err := await(ctx, p.admitted[p.rank-1]); err != nil {
			return err
		}
	}
	if err := d.take(ctx, attempt, q, own, former); err != nil || p == nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	closeOnce(p.admitted[p.rank])
	return nil
}

// awaitEvaluated notes that all steps of the build have run, and waits for those of its peers. A
// build that is sent again does not hold the others up once more.
func (p *Peer) awaitEvaluated(ctx context.Context) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	if delete(p.running, p.rank); len(p.running) == 0 {
		closeOnce(p.evaluated)
	}
	p.mu.Unlock()
	return await(ctx, p.evaluated)
}

func await(ctx context.Context, event <-chan struct{}) error {
	select {
	case <-event:
		return nil
	case <-ctx.Done():
		return &CanceledError{Cause: context.Cause(ctx)}
	}
}

func closeOnce(event chan struct{}) {
	if !isClosed(event) {
		close(event)
	}
}
