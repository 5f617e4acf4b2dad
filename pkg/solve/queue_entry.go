package solve

import (
	"context"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/identity"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
)

const (
	// forgetAfter leaves the daemon the time to end a record before it is removed.
	forgetAfter = time.Second
	// forgetTimeout bounds the removal, which no one waits for.
	forgetTimeout = 10 * time.Second
	// finishTimeout is how long the daemon may take to end a record before the call is cancelled.
	finishTimeout = 2 * time.Second
)

// queueEntry is a ticket or a claim of this client: a solve without a frontend, to which the daemon
// does nothing but list it as active. It has no session, so that the build itself, its history and
// its provenance are the same with and without a limit.
type queueEntry struct {
	queue.Record // Created is zero until the daemon has listed it

	ctx    context.Context // of the caller, without its end
	stop   context.CancelFunc
	finish func(ctx context.Context, ref string) // lets the daemon end the call without an error
	remove func(ctx context.Context, ref string)
	ended  chan struct{} // closed when the call has ended
	err    error         // of the call
}

// enter opens an entry, which lasts until leave, or the end of ctx or of the connection.
func (d *Daemon) enter(ctx context.Context, attributes map[string]string) *queueEntry {
	ctx, stop := context.WithCancel(ctx)
	e := &queueEntry{
		Record: queue.Record{Ref: identity.NewID(), Attributes: attributes},
		ctx:    context.WithoutCancel(ctx), stop: stop, finish: d.finishRecord, remove: d.removeRecord, ended: make(chan struct{}),
	}
	go func() {
		defer close(e.ended)
		_, e.err = d.client.ControlClient().Solve(ctx, &controlapi.SolveRequest{Ref: e.Ref, FrontendAttrs: attributes})
	}()
	return e
}

// leave ends the entry, and does not wait for that. The daemon keeps it in its history, and would
// log an error if the call was cancelled. The end of the connection ends it too.
func (e *queueEntry) leave() {
	if e == nil || isClosed(e.ended) {
		return
	}
	go func() {
		ctx, stop := context.WithTimeout(e.ctx, finishTimeout)
		defer stop()
		e.finish(ctx, e.Ref)
		e.stop()
	}()
}

// leaveNow is leave, and waits until the daemon has ended the entry, if it responds.
func (e *queueEntry) leaveNow() {
	e.leave()
	timer := time.NewTimer(finishTimeout)
	defer timer.Stop()
	select {
	case <-e.ended:
	case <-timer.C:
	}
}

func (d *Daemon) finishRecord(ctx context.Context, ref string) {
	_, _ = d.client.GatewayClientForBuild(ref).Return(ctx, &gateway.ReturnRequest{Result: &gateway.Result{}})
}

// forget ends the entry, and removes it from the daemon's history if the connection lasts.
func (e *queueEntry) forget() {
	e.leave()
	time.AfterFunc(forgetAfter, func() { e.remove(e.ctx, e.Ref) })
}

func (d *Daemon) removeRecord(ctx context.Context, ref string) {
	ctx, stop := context.WithTimeout(ctx, forgetTimeout)
	defer stop()
	_, _ = d.client.ControlClient().UpdateBuildHistory(ctx, &controlapi.UpdateBuildHistoryRequest{Ref: ref, Delete: true})
}
