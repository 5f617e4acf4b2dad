package solve

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
)

const (
	// settleTime is how long a claim waits before its first look: the daemon may list a claim a
	// moment after one that it has created later.
	settleTime = 75 * time.Millisecond
	// pollAfter is how long a build waits for an event before it looks without one.
	pollAfter = 10 * time.Second
	// staleAfter is the age from which on a list is asked for again: this process or the connection
	// was suspended, and others may have begun their builds.
	staleAfter = 5 * time.Second
	// gatherTime is how long further events are awaited after one, for each place in the queue up
	// to gatherPlaces: those at the end need not look at every build that begins.
	gatherTime   = 50 * time.Millisecond
	gatherPlaces = 8
	// The client looks for its own entry so often, at these intervals.
	blindLooks = 6
	blindTime  = 200 * time.Millisecond
	// reopenTime is the pause before a ticket that has ended is replaced.
	reopenTime = 500 * time.Millisecond
)

// errBlind is returned where the daemon does not list the builds that are active.
var errBlind = errors.New("the daemon does not list its active builds")

// lister is the part of a daemon that the queue is in.
type lister interface {
	enter(ctx context.Context, attributes map[string]string) *queueEntry
	records(ctx context.Context) ([]queue.Record, error)
	changes(ctx context.Context) <-chan struct{}
}

// queueWaiter waits until a build may begin.
type queueWaiter struct {
	Queue
	daemon *Daemon
	list   lister // the daemon
	ticket queue.Ticket
	place  *place
	idle   queue.Idle
	seen   []queue.Record // at the last look
	delay  time.Duration  // that the last look took
	listed bool           // the daemon has listed an entry of this client
	shown  int            // the place that was reported last
}

// wait returns the claim of the build once it may begin; nil if the limit cannot be kept. The error
// is a *QueueTimeoutError, or one of callError.
func (w *queueWaiter) wait(ctx context.Context) (*queueEntry, error) {
	if w.ticket.State == queue.Resumed {
		return w.open(ctx, queue.Resumed), nil
	}
	claim, err := w.claim(ctx, false)
	if err == nil && claim == nil {
		claim, err = w.queue(ctx)
		w.show(0)
	}
	if errors.Is(err, errBlind) {
		if w.Blind != nil {
			w.Blind()
		}
		return nil, nil
	}
	return claim, err
}

func (w *queueWaiter) open(ctx context.Context, state queue.State) *queueEntry {
	ticket := w.ticket
	ticket.State = state
	ticket.Queued, ticket.Round = w.place.queuedAt(), w.place.getRound()
	return w.list.enter(ctx, ticket.Attributes())
}

// claim opens a claim, and returns it if the daemon has room for the build, else nil.
func (w *queueWaiter) claim(ctx context.Context, waited bool) (*queueEntry, error) {
	claim := w.open(ctx, queue.Claimed)
	if !pause(ctx, settleTime) {
		claim.leave()
		return nil, &CanceledError{Cause: context.Cause(ctx)}
	}
	line, err := w.look(ctx, claim)
	if err == nil && line.Admits(claim.Record, waited) && (w.delay > settleTime || len(line.Running()) > 1) {
		// Others are there, or the daemon is slow to list them.
		if !pause(ctx, max(settleTime, min(w.delay, staleAfter))) {
			claim.leave()
			return nil, &CanceledError{Cause: context.Cause(ctx)}
		}
		line, err = w.look(ctx, claim)
	}
	if err == nil && line.Admits(claim.Record, waited) {
		return claim, nil
	}
	claim.forget()
	if err == nil && !waited && w.ticket.Resumes == "" { // over a new connection it keeps its round
		w.place.setRound(queue.Round(w.seen, w.ticket.User, w.ticket.Build))
	}
	return nil, err
}

// queue waits with a ticket until the build may begin, and returns its claim.
func (w *queueWaiter) queue(ctx context.Context) (claim *queueEntry, err error) {
	began := time.Now()
	defer func() { w.place.waited(time.Since(began)) }()
	ticket := w.open(ctx, queue.Waiting)
	defer func() {
		if claim != nil {
			ticket.forget() // the build has a record of its own
			return
		}
		ticket.leaveNow() // the program may end with the wait
	}()
	listening, stop := context.WithCancel(ctx)
	defer stop()
	changed := w.list.changes(listening)
	for {
		line, err := w.look(ctx, ticket)
		if err != nil {
			return nil, err
		}
		place, round, turn := line.Turn(w.ticket.Build)
		if turn {
			w.place.setRound(round)
			if claim, err = w.claim(ctx, true); claim != nil || err != nil {
				return claim, err
			}
		}
		w.show(place)
		left, err := w.await(ctx, changed, ticket, place, time.Since(began))
		if err != nil {
			return nil, err
		}
		if isClosed(ticket.ended) { // another client can end a call that it knows the reference of
			ticket = w.open(ctx, queue.Waiting)
		}
		if !left {
			return nil, w.timedOut(line, place, time.Since(began), ticket.Created.Add(time.Since(began)))
		}
	}
}

// show reports the place, if it has changed.
func (w *queueWaiter) show(place int) {
	if place != 0 {
		w.place.wait()
	}
	if w.Moved != nil && place != w.shown {
		w.Moved(w.daemon, place)
	}
	w.shown = place
}

// await waits until the place may have changed. It returns false when the build has waited too
// long.
func (w *queueWaiter) await(ctx context.Context, changed <-chan struct{}, ticket *queueEntry, place int, waited time.Duration) (bool, error) {
	next := pollAfter
	if due := w.idle.Next(); !due.IsZero() {
		next = min(next, max(0, time.Until(due)))
	}
	last := false
	if w.Timeout > 0 {
		left := w.Timeout - w.place.spent() - waited
		last, next = left <= next, min(next, left)
	}
	timer := time.NewTimer(next)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, &CanceledError{Cause: context.Cause(ctx)}
	case <-w.daemon.abandoned:
		return false, &LostError{Cause: w.daemon.abandonedFor}
	case <-ticket.ended:
		if err := w.daemon.callError(ctx, ticket.err); err != nil {
			return false, err
		}
		if !pause(ctx, reopenTime) {
			return false, &CanceledError{Cause: context.Cause(ctx)}
		}
		return true, nil
	case <-timer.C:
		return !last, nil
	case <-changed:
	}
	if !pause(ctx, gatherTime*time.Duration(min(place, gatherPlaces))) {
		return false, &CanceledError{Cause: context.Cause(ctx)}
	}
	select {
	case <-changed:
	default:
	}
	return true, nil
}

// look returns the line of the daemon, which the entry is in.
func (w *queueWaiter) look(ctx context.Context, own *queueEntry) (*queue.Line, error) {
	began := time.Now()
	for tries := 1; ; tries++ {
		asked := time.Now()
		records, err := w.list.records(ctx)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(records, func(r queue.Record) bool { return r.Ref == own.Ref }); i >= 0 {
			own.Created, w.listed = records[i].Created, true
			w.place.noteQueued(own.Created)
		} else if !own.Created.IsZero() {
			records = append(records, own.Record) // another user can hide it
		} else if tries >= blindLooks && w.listed {
			own.Created = time.Now()
			records = append(records, own.Record)
		} else if tries >= blindLooks {
			return nil, errBlind
		} else if !pause(ctx, blindTime) {
			return nil, &CanceledError{Cause: context.Cause(ctx)}
		} else {
			continue
		}
		if time.Since(asked) < staleAfter || tries >= blindLooks {
			w.seen, w.delay = records, time.Since(began)
			return w.idle.Look(time.Now(), records, w.daemon.limit.Builds, w.ticket.Build), nil
		}
	}
}

func (w *queueWaiter) timedOut(line *queue.Line, place int, waited time.Duration, now time.Time) error {
	e := &QueueTimeoutError{Waited: w.place.spent() + waited, Place: place, Limit: w.daemon.limit.Builds}
	for _, build := range line.Running() {
		e.Running = append(e.Running, RunningBuild{User: build.User, For: max(0, now.Sub(build.Begun))})
	}
	return e
}

// pause returns false if ctx ends first.
func pause(ctx context.Context, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
