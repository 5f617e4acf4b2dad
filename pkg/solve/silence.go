package solve

import (
	"context"
	"fmt"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// How long the daemon may be silent. During a build it checks the session every
// five seconds, and gives a client up that has not answered for 30 to 40: what is
// suspected in time can be taken up while the daemon still works on it. A
// connection that is quiet by nature is asked with a call of its own, and not
// with HTTP/2's pings, which a gRPC server takes for abuse.
const (
	askAfter     = 12 * time.Second
	suspectAfter = 14500 * time.Millisecond
	deadAfter    = 40 * time.Second
)

// asleep is how late a timer is only in a process that was stopped.
const asleep = 3 * time.Second

// patience is how long a silent connection is waited for.
type patience struct {
	ask     time.Duration // then the daemon is asked for a sign of life
	suspect time.Duration // then a build looks for another connection
	dead    time.Duration // then the connection is lost
}

// SilentError is a connection that nothing comes from, though neither side closed it.
type SilentError struct {
	For time.Duration
	// LinkWorks says that the way to the daemon carries data: it is the daemon
	// that does not answer.
	LinkWorks bool
}

func (e *SilentError) Error() string {
	silence := e.For.Round(time.Second)
	if e.LinkWorks {
		return fmt.Sprintf("the builder has not answered for %v, though the link to it works", silence)
	}
	return fmt.Sprintf("nothing has come over the link for %v", silence)
}

// Class returns fault.Unavailable.
func (*SilentError) Class() fault.Class { return fault.Unavailable }

// carrier is a connection that hears of the way to the daemon even when the
// daemon says nothing.
type carrier interface {
	// Heard is when anything came last.
	Heard() time.Time
}

// guard watches the connection until it ends. It asks once in every silence.
func (d *Daemon) guard(ctx context.Context) {
	timer := time.NewTimer(d.patience.ask)
	defer timer.Stop()
	asked := time.Time{}
	for {
		wait, due := d.nextLook(asked), time.Now()
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if late := time.Since(due) - wait; late > asleep {
			d.link.hear() // this process slept, and what came meanwhile is still to be read
			continue
		}
		last := d.link.heard()
		switch silence := time.Since(last); {
		case silence >= d.patience.dead:
			d.Fail(d.silence())
			return
		case silence >= d.patience.suspect:
			d.link.suspect(last)
		case silence >= d.patience.ask && !asked.Equal(last):
			asked = last
			go func() {
				asking, stop := context.WithTimeout(ctx, d.patience.dead)
				defer stop()
				_, _ = d.client.Info(asking) // any answer is one
			}()
		}
	}
}

// nextLook is how long it is until the silence may mean more.
func (d *Daemon) nextLook(asked time.Time) time.Duration {
	last := d.link.heard()
	silence := time.Since(last)
	for _, limit := range []time.Duration{d.patience.ask, d.patience.suspect, d.patience.dead} {
		if limit == d.patience.ask && asked.Equal(last) || limit == d.patience.suspect && d.link.isSuspect() {
			continue
		}
		return max(limit-silence, 0)
	}
	return d.patience.ask
}

// silence says what is known of a silence that lasts.
func (d *Daemon) silence() *SilentError {
	now := time.Now()
	e := &SilentError{For: now.Sub(d.link.heard())}
	if way, ok := d.conn.(carrier); ok {
		e.LinkWorks = now.Sub(way.Heard()) < d.patience.ask
	}
	return e
}

// Fail ends the connection for a reason that its owner has found; calls on it
// end with a *LostError that wraps why.
func (d *Daemon) Fail(why error) {
	d.link.note(why)
	_ = d.conn.Close()
}
