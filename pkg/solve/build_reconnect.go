package solve

import (
	"context"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
)

// run is a build that outlives its connections.
type run struct {
	Build
	daemon      *Daemon // the one that the build runs on
	place       *place  // of the last try; nil before the first
	retriesLeft int     // how often the connection may still be replaced
	attempt     func() *request.Attempt
}

// retryLost retries until the build has ended for a reason other than a lost
// connection.
func (r *run) retryLost(ctx context.Context, attempt func() *request.Attempt) (*result.Result, error) {
	r.attempt = attempt
	current := r.begin(ctx, r.daemon, r.place)
	r.place = current.place
	for {
		lost := r.awaitLoss(current)
		if lost == nil {
			return current.finish()
		}
		over := r.notice(lost)
		if lost.Final != "" {
			built, err := r.giveUp(current, lost)
			over(err)
			return built, err
		}
		next, err := r.reconnect(ctx, current, lost)
		over(err)
		if err != nil {
			return nil, err
		}
		if next != current {
			r.retriesLeft--
		}
		current, r.daemon = next, next.daemon
		r.place = next.place
	}
}

func (r *run) begin(ctx context.Context, d *Daemon, former *place) *try {
	return begin(ctx, d, r.attempt(), r.Build, former)
}

// awaitLoss waits until the try has ended or its connection is suspected. It returns
// the loss, or nil if the try has ended for another reason.
func (r *run) awaitLoss(current *try) *LostError {
	select {
	case <-current.done:
		return current.lost()
	case <-current.daemon.state.silent():
		return &LostError{Cause: current.daemon.silentError()}
	}
}

func (r *run) notice(lost *LostError) (over func(error)) {
	lost.Final = r.noRetryReason()
	if r.Notice == nil {
		return func(error) {}
	}
	return r.Notice(lost)
}

// noRetryReason returns why a lost connection is not replaced; empty if it is.
func (r *run) noRetryReason() string {
	once := r.Request.Unrepeatable()
	switch {
	case once != "":
		return once
	case r.Retries == 0:
		return "no retries are allowed"
	case r.retriesLeft == 0:
		return fmt.Sprintf("it was lost %d times before", r.Retries)
	}
	return ""
}

// giveUp ends a build whose connection is not replaced. A connection that is only
// silent may resume until it is lost for certain.
func (r *run) giveUp(current *try, lost *LostError) (*result.Result, error) {
	<-current.done
	if current.lost() != nil {
		current.cancel()
		return nil, lost
	}
	return current.finish()
}

// connection is the result of Reconnect.
type connection struct {
	daemon *Daemon
	err    error
}

// connect calls Reconnect in the background. Stop cancels it, and closes a
// connection that was not used.
func (r *run) connect(ctx context.Context, lost *LostError) (connected <-chan connection, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	found, over := make(chan connection), make(chan struct{})
	go func() {
		defer close(over)
		daemon, err := r.Reconnect(ctx, lost)
		select {
		case found <- connection{daemon, err}:
		case <-ctx.Done():
			if err == nil {
				_ = daemon.Close()
			}
		}
	}()
	return found, func() {
		cancel()
		<-over
	}
}

// reconnect returns the try that continues the build: one over a new connection, or
// the old one if its connection resumes.
func (r *run) reconnect(ctx context.Context, old *try, lost *LostError) (*try, error) {
	connected, stop := r.connect(ctx, lost)
	defer stop()
	ended, resumed := old.endings()
	var failure error
	for {
		select {
		case <-ended:
			if old.lost() == nil {
				return old, nil // the old try has ended after all
			}
			if failure != nil {
				old.cancel()
				return nil, failure
			}
			ended, resumed = nil, nil
		case <-resumed:
			return old, nil
		case got := <-connected:
			if got.err == nil {
				return handOver(old, r.begin(ctx, got.daemon, old.place)), nil
			}
			if ended == nil {
				old.cancel()
				return nil, got.err
			}
			connected, failure = nil, got.err // the old connection is silent, and may still resume
		}
	}
}

// handOver decides between a silent try and its replacement. It returns the
// replacement as soon as that has joined the running steps of the old one, whose
// connection is kept until then: the daemon stops a step that no client waits for. A replacement
// that waits for its turn has no steps to join.
func handOver(old, next *try) *try {
	ended, resumed := old.endings()
	caught := next.steps.catchUp(old.steps)
	for {
		select {
		case <-ended:
			if old.lost() == nil {
				next.cancel()
				return old
			}
			old.cancel()
			return next
		case <-resumed:
			next.cancel()
			return old
		case <-caught:
			old.cancel()
			return next
		case <-next.place.waiting:
			old.cancel()
			return next
		case <-next.done:
			old.cancel()
			return next
		}
	}
}
