package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
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

// MemberBuilds are the builds that run and wait on a member, and how many run there at a time; 0
// means no limit.
type MemberBuilds struct {
	history.Active
	Limit int32
}

// Builds returns the builds of the member, in one round trip. The error is a *solve.LostError, a
// *solve.CanceledError, or that of history.ListActive.
func (c *Connection) Builds(ctx context.Context) (MemberBuilds, error) {
	builds := MemberBuilds{}
	if c.Certificates != nil {
		builds.Limit = c.Certificates.MaxBuilds
	}
	err := c.Daemon.Call(ctx, func(asked *client.Client) (err error) {
		builds.Active, err = history.ListActive(ctx, asked)
		return err
	})
	return builds, err
}

// listTimeout is how long all members of all builders together may take to list their builds.
const listTimeout = 10 * time.Second

// Unlisted is a builder, or one of its members, that has not listed its builds, and why.
type Unlisted struct {
	Builder, Namespace string
	Pod                string // empty if no member was asked
	Err                error
}

func (u Unlisted) String() string {
	if u.Pod == "" {
		return fmt.Sprintf("the builds of builder %q in namespace %q are unknown: %v", u.Builder, u.Namespace, u.Err)
	}
	return fmt.Sprintf("the builds of member %q in namespace %q are unknown: %v", u.Pod, u.Namespace, u.Err)
}

// Builds asks the members of these builders for their builds, side by side, and returns them by the
// UIDs of the Pods, and which ready members have not listed them within ten seconds.
func (d *Driver) Builds(ctx context.Context, o ConnectOptions, builders []cluster.Builder) (map[string]MemberBuilds, []Unlisted) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer time.AfterFunc(listTimeout, func() { cancel(errNoAnswer) }).Stop()
	answers, unlisted := make([][]Answer[MemberBuilds], len(builders)), make([][]Unlisted, len(builders))
	slots := make(chan struct{}, cluster.SideBySide)
	var all sync.WaitGroup
	for i, each := range builders {
		if each.Ephemeral || !slices.ContainsFunc(each.Members, func(m cluster.Member) bool { return m.Ready }) {
			continue // only its own client reaches it; or its state says why
		}
		of := o
		of.Builder = each.Name
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found, err := askMembers(ctx, d.in(each.Namespace), of, false, func(ctx context.Context, c *Connection) (MemberBuilds, error) {
				return c.Builds(ctx)
			})
			answers[i], unlisted[i] = found, notListed(each, err)
		})
	}
	all.Wait()
	builds := map[string]MemberBuilds{}
	for _, answer := range slices.Concat(answers...) {
		builds[answer.Member.UID] = answer.Value
	}
	return builds, slices.Concat(unlisted...)
}

// notListed returns what has not listed its builds, without members that are not ready: their state
// shows why.
func notListed(of cluster.Builder, err error) (all []Unlisted) {
	var silent *NoAnswerError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &silent):
		return []Unlisted{{Builder: of.Name, Namespace: of.Namespace, Err: err}}
	}
	for _, each := range silent.Silent {
		if each.Member.Ready {
			all = append(all, Unlisted{Builder: of.Name, Namespace: of.Namespace, Pod: each.Member.Pod, Err: each.Err})
		}
	}
	return all
}
