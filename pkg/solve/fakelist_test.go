package solve

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
)

// fakeList is the list of a daemon, which lists a record up to a moment after it was created.
type fakeList struct {
	t     *testing.T
	delay func() time.Duration // until a record is listed
	after time.Duration        // that a record is listed after its end
	blind bool

	mu      sync.Mutex
	active  map[string]queue.Record
	changed map[chan struct{}]bool
	number  int
	running int
	most    int
	order   []string // the builds, in the order in which they have begun
}

func newFakeList(t *testing.T) *fakeList {
	return &fakeList{t: t, delay: func() time.Duration { return 0 }, active: map[string]queue.Record{}, changed: map[chan struct{}]bool{}}
}

// add lists a record until ctx ends.
func (l *fakeList) add(ctx context.Context, ref string, attributes map[string]string) {
	l.mu.Lock()
	l.number++
	record := queue.Record{Ref: cmp.Or(ref, fmt.Sprint("record", l.number)), Created: time.Now(), Attributes: attributes}
	l.mu.Unlock()
	l.list(ctx, record)
}

func (l *fakeList) list(ctx context.Context, record queue.Record) {
	time.Sleep(l.delay())
	l.change(func() { l.active[record.Ref] = record })
	context.AfterFunc(ctx, func() {
		time.Sleep(l.after)
		l.change(func() { delete(l.active, record.Ref) })
	})
}

func (l *fakeList) change(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
	for changed := range l.changed {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}

// begin runs a build until ctx ends.
func (l *fakeList) begin(ctx context.Context, ref string) {
	l.add(ctx, ref, nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running++
	l.most = max(l.most, l.running)
	l.order = append(l.order, ref)
	context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.running--
	})
}

// begun returns the builds that have begun, in their order.
func (l *fakeList) begun() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.order)
}

// fakeClient sees the list over a connection of its own.
type fakeClient struct {
	*fakeList
	life  context.Context // ends with the client
	black chan struct{}   // closed when nothing reaches the client any more

	entries []*queueEntry
}

func (c *fakeClient) enter(ctx context.Context, attributes map[string]string) *queueEntry {
	ctx, stop := context.WithCancel(ctx)
	e := &queueEntry{ctx: context.WithoutCancel(ctx), stop: stop, finish: func(context.Context, string) {}, remove: func(context.Context, string) {}, ended: make(chan struct{})}
	c.mu.Lock()
	c.number++
	e.Record = queue.Record{Ref: fmt.Sprint("record", c.number), Attributes: attributes}
	c.entries = append(c.entries, e)
	c.mu.Unlock()
	listed := e.Record
	listed.Created = time.Now()
	go func() {
		c.list(ctx, listed)
		<-ctx.Done()
		close(e.ended)
	}()
	return e
}

func (c *fakeClient) records(ctx context.Context) ([]queue.Record, error) {
	select {
	case <-c.black:
		<-ctx.Done()
	default:
	}
	time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.blind {
		return nil, ctx.Err()
	}
	var all []queue.Record
	for _, record := range c.active {
		all = append(all, record)
	}
	return all, ctx.Err()
}

func (c *fakeClient) changes(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	c.change(func() { c.changed[changed] = true })
	context.AfterFunc(ctx, func() { c.change(func() { delete(c.changed, changed) }) })
	return changed
}

// client returns a waiter for a build, whose client lives as long as ctx.
func (l *fakeList) client(ctx context.Context, limit int, user, ref string, former *place) (*queueWaiter, *fakeClient) {
	daemon := &Daemon{state: newConnState(), limit: Limit{Builds: limit, Daemon: "a"}, abandoned: make(chan struct{})}
	seen := &fakeClient{fakeList: l, life: ctx, black: make(chan struct{})}
	return &queueWaiter{
		Queue: Queue{User: user}, daemon: daemon, list: seen, place: newPlace(daemon, ref, former),
		ticket: queue.Ticket{State: queue.Waiting, User: user, Build: ref},
	}, seen
}

// build waits and builds, and returns how long it waited.
func (l *fakeList) build(ctx context.Context, limit int, user, ref string, length time.Duration) time.Duration {
	began := time.Now()
	w, _ := l.client(ctx, limit, user, ref, nil)
	claim, err := w.wait(ctx)
	waited := time.Since(began)
	if err != nil {
		return waited
	}
	running, stop := context.WithCancel(ctx)
	l.begin(running, ref)
	pause(ctx, length)
	stop()
	claim.leave()
	return waited
}
