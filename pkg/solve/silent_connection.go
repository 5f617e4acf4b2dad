package solve

import (
	"context"
	"fmt"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// How long the daemon may be silent. During a build it checks the session every
// five seconds, and ends the build of a client that has not responded for 30 to
// 40: a build whose connection is suspected before that can be continued. On an
// idle connection the client makes a call, since a gRPC server treats frequent
// HTTP/2 pings as abuse.
const (
	askAfter     = 12 * time.Second
	suspectAfter = 14500 * time.Millisecond
	deadAfter    = 40 * time.Second
)

// suspendedAfter is the delay of a timer from which on this process must have been
// suspended.
const suspendedAfter = 3 * time.Second

// silenceLimits are the durations of silence after which the client acts.
type silenceLimits struct {
	ask     time.Duration // then the client makes a call
	suspect time.Duration // then a build opens another connection
	dead    time.Duration // then the connection counts as lost
}

// SilentError is returned when nothing was received over an open connection for too long.
type SilentError struct {
	For time.Duration
	// LinkWorks reports whether the tunnel to the daemon still works: only the
	// daemon does not respond.
	LinkWorks bool
}

func (e *SilentError) Error() string {
	silence := e.For.Round(time.Second)
	if e.LinkWorks {
		return fmt.Sprintf("the builder has not responded for %v, though the connection to it works", silence)
	}
	return fmt.Sprintf("nothing was received over the connection for %v", silence)
}

// Class returns fault.Unavailable.
func (*SilentError) Class() fault.Class { return fault.Unavailable }

// activityReporter is a connection that receives pings even when the daemon sends
// nothing.
type activityReporter interface {
	// Heard is when anything came last.
	Heard() time.Time
}

// guard watches the connection until it ends. It makes one call in every silence.
func (d *Daemon) guard(ctx context.Context) {
	timer := time.NewTimer(d.silenceLimits.ask)
	defer timer.Stop()
	asked := time.Time{}
	for {
		wait, due := d.nextCheck(asked), time.Now()
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if late := time.Since(due) - wait; late > suspendedAfter {
			d.state.received() // this process was suspended, and has not read yet what arrived meanwhile
			continue
		}
		last := d.state.lastReceived()
		switch silence := time.Since(last); {
		case silence >= d.silenceLimits.dead:
			d.Fail(d.silentError())
			return
		case silence >= d.silenceLimits.suspect:
			d.state.suspect(last)
		case silence >= d.silenceLimits.ask && !asked.Equal(last):
			asked = last
			go func() {
				asking, stop := context.WithTimeout(ctx, d.silenceLimits.dead)
				defer stop()
				_, _ = d.client.Info(asking) // any response will do
			}()
		}
	}
}

// nextCheck returns the time until the silence reaches the next limit.
func (d *Daemon) nextCheck(asked time.Time) time.Duration {
	last := d.state.lastReceived()
	silence := time.Since(last)
	for _, limit := range []time.Duration{d.silenceLimits.ask, d.silenceLimits.suspect, d.silenceLimits.dead} {
		if limit == d.silenceLimits.ask && asked.Equal(last) || limit == d.silenceLimits.suspect && d.state.isSuspect() {
			continue
		}
		return max(limit-silence, 0)
	}
	return d.silenceLimits.ask
}

// silentError returns the error of a silence that lasts.
func (d *Daemon) silentError() *SilentError {
	now := time.Now()
	e := &SilentError{For: now.Sub(d.state.lastReceived())}
	if tunnel, ok := d.conn.(activityReporter); ok {
		e.LinkWorks = now.Sub(tunnel.Heard()) < d.silenceLimits.ask
	}
	return e
}

// Fail closes the connection for a reason that its owner has found; calls on it
// return a *LostError that wraps why.
func (d *Daemon) Fail(why error) {
	d.state.recordError(why)
	_ = d.conn.Close()
}
