package driver

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// Queue is how a build waits on a builder that limits how many builds a member runs at a time.
type Queue struct {
	// User is whose build it is: users take turns. All who use the builder can see it.
	User string
	// Timeout is how long the build may wait; 0 is without end.
	Timeout time.Duration
}

// limitOf returns the limit of a member. A build that was running resumes its place only in the
// same process: after a restart nothing of it runs any more.
func limitOf(member cluster.Member, certificates *cluster.Connection) solve.Limit {
	if certificates == nil {
		return solve.Limit{}
	}
	limit := solve.Limit{Builds: int(certificates.MaxBuilds)}
	if member.UID != "" { // else the Pod is not known yet
		limit.Daemon = fmt.Sprintf("%s/%d", member.UID, member.Restarts)
	}
	return limit
}

// line shows the place of a build in the queue of each daemon that it waits on.
type line struct {
	display interface {
		Wait(name string) *progress.Wait
	}

	mu    sync.Mutex
	waits map[*solve.Daemon]*progress.Wait
}

// moved shows the place; 0 is the end of the wait.
func (l *line) moved(c *Connection, place int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait := l.waits[c.Daemon]
	if place == 0 {
		wait.End()
		delete(l.waits, c.Daemon)
		return
	}
	if wait == nil {
		wait = l.display.Wait(fmt.Sprintf("waiting for member %q", c.Member.Pod))
		l.waits[c.Daemon] = wait
	}
	wait.Show(placeText(place, c.Certificates.MaxBuilds))
}

func placeText(place int, limit int32) string {
	runs := "1 build runs"
	if limit != 1 {
		runs = fmt.Sprintf("%d builds run", limit)
	}
	return fmt.Sprintf("place %d of the queue (%s at a time)", place, runs)
}

// queue returns how the build waits.
func (b *build) queue(display *progress.Display, keeper *reconnector) solve.Queue {
	l := &line{display: display, waits: map[*solve.Daemon]*progress.Wait{}}
	return solve.Queue{
		User: b.options.Queue.User, Timeout: b.options.Queue.Timeout,
		Moved: func(d *solve.Daemon, place int) { l.moved(keeper.of(d), place) },
		Blind: func() {
			b.driver.showOn(display, b.options.Progress.Mode)(Notice{Warning: true, Text: fmt.Sprintf(
				"builder %q limits how many builds run at a time, but its configuration hides them ([history] maxEntries = 0): the build does not wait",
				b.options.Connect.Builder,
			)})
		},
	}
}

// leaveQueue makes a build that waits on a member which is being deleted go to another one: the
// member would wait for it.
func leaveQueue(c *Connection, diagnosis cluster.Diagnosis) {
	if !diagnosis.Until.IsZero() {
		c.Daemon.Abandon(errors.New(diagnosis.Message))
	}
}
