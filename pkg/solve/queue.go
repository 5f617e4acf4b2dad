package solve

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// Limit is how many builds a daemon runs at a time.
type Limit struct {
	Builds int // 0 means no limit
	// Daemon identifies the process: a build that was running there resumes its place after a lost
	// connection, on any other it waits again, and on all if it is empty.
	Daemon string
}

// SetLimit makes the builds on this connection keep to the limit. It is called before they begin.
func (d *Daemon) SetLimit(limit Limit) { d.limit = limit }

// Queue is how a build waits for its turn, on a daemon that has a limit.
type Queue struct {
	// User is whose build it is; users take turns. All who use the daemon can see it.
	User string
	// Timeout is how long the build may wait, on all daemons together; 0 is without end.
	Timeout time.Duration
	// Moved, if not nil, is called with every new place of the build, 1 for the first that waits,
	// and with 0 when it no longer waits on that daemon.
	Moved func(d *Daemon, place int)
	// Blind, if not nil, is called when the daemon does not list its builds, so that the limit
	// cannot be kept.
	Blind func()
}

// QueueTimeoutError is returned when a build has waited too long for its turn.
type QueueTimeoutError struct {
	Waited time.Duration
	Place  int
	Limit  int
	// Running is what it has waited for, by User and time. The text is that of other clients.
	Running []RunningBuild
}

// RunningBuild is a build that others wait for.
type RunningBuild struct {
	User string // empty for a client that has no user
	For  time.Duration
}

func (e *QueueTimeoutError) Error() string {
	const shown = 5
	var running []string
	for _, build := range e.Running {
		if len(running) == shown {
			running = append(running, fmt.Sprintf("and %d more", len(e.Running)-shown))
			break
		}
		who := "another client"
		if build.User != "" {
			who = fmt.Sprintf("%q", build.User)
		}
		running = append(running, fmt.Sprintf("%s for %v", who, build.For.Round(time.Second)))
	}
	text := fmt.Sprintf("the build has waited %v for its turn and is at place %d of the queue; the builder runs %d at a time",
		e.Waited.Round(time.Second), e.Place, e.Limit)
	if len(running) > 0 {
		text += ", now of " + strings.Join(running, ", ")
	}
	return text
}

// Class returns fault.Unavailable.
func (*QueueTimeoutError) Class() fault.Class { return fault.Unavailable }

// Abandon makes a build that waits on this connection lose it, for that reason. One that runs is
// not affected.
func (d *Daemon) Abandon(why error) {
	d.abandoning.Do(func() {
		d.abandonedFor = why
		close(d.abandoned)
	})
}

// place is that of a build in the queue of a daemon.
type place struct {
	daemon  *Daemon
	build   string        // its reference
	waiting chan struct{} // closed when it waits

	mu       sync.Mutex
	queued   time.Time // when the build has queued first, by the daemon's clock; zero until it is listed
	admitted bool
	claim    *queueEntry
	wasted   time.Duration // that the build has waited
	round    int           // of its user's turns
}

// newPlace returns the place of an attempt on the daemon, which follows a former place of the same
// build, if there is one.
func newPlace(d *Daemon, build string, former *place) *place {
	p := &place{daemon: d, build: build, waiting: make(chan struct{})}
	if former != nil {
		p.queued, p.wasted, p.round = former.queuedAt(), former.spent(), former.getRound()
	}
	return p
}

func (p *place) queuedAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queued
}

func (p *place) noteQueued(created time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queued.IsZero() {
		p.queued = created
	}
}

func (p *place) getRound() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.round
}

func (p *place) setRound(round int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.round = round
}

func (p *place) isAdmitted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.admitted
}

func (p *place) admit(claim *queueEntry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claim, p.admitted = claim, true
}

// wait notes that the build waits here.
func (p *place) wait() {
	if !isClosed(p.waiting) {
		close(p.waiting)
	}
}

func (p *place) waited(length time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wasted += length
}

// spent returns how long the build has waited, but for a wait that lasts.
func (p *place) spent() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wasted
}

// leave gives the place to another build.
func (p *place) leave() {
	if p == nil {
		return
	}
	p.mu.Lock()
	claim := p.claim
	p.mu.Unlock()
	claim.leave()
}

// take waits until the attempt may begin at the place, where the daemon has a limit. The daemon
// does not list an evaluation, which builds nothing.
func (d *Daemon) take(ctx context.Context, attempt *request.Attempt, q Queue, p, former *place) error {
	if d.limit.Builds <= 0 || attempt.Options.Internal {
		return nil
	}
	w := &queueWaiter{Queue: q, daemon: d, list: d, ticket: d.ticket(attempt, q, p, former), place: p}
	claim, err := w.wait(ctx)
	if err == nil {
		p.admit(claim)
	}
	return err
}

// ticket returns the first ticket of the attempt. A build that ran on this daemon before resumes.
func (d *Daemon) ticket(attempt *request.Attempt, q Queue, p, former *place) queue.Ticket {
	ticket := queue.Ticket{State: queue.Waiting, User: q.User, Build: p.build, Name: nameOf(attempt)}
	if former != nil && d.limit.Daemon != "" && former.daemon.limit.Daemon == d.limit.Daemon {
		ticket.Resumes = former.build
		if former.isAdmitted() {
			ticket.State = queue.Resumed
		}
	}
	return ticket
}

// nameOf returns the names of the images that the attempt makes, or else its target.
func nameOf(attempt *request.Attempt) string {
	for _, export := range attempt.Options.Exports {
		if name := export.Attrs["name"]; name != "" {
			return name
		}
	}
	return attempt.Options.FrontendAttrs["target"]
}
