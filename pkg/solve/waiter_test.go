package solve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// fakeList is the list of a daemon, which lists a record up to a moment after it was created.
type fakeList struct {
	t     *testing.T
	delay func() time.Duration // until a record is listed
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
	context.AfterFunc(ctx, func() { l.change(func() { delete(l.active, record.Ref) }) })
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

// fakeClient sees the list over a connection of its own.
type fakeClient struct {
	*fakeList
	life  context.Context // ends with the client
	black chan struct{}   // closed when nothing reaches the client any more

	entries []*entry
}

func (c *fakeClient) enter(ctx context.Context, attributes map[string]string) *entry {
	ctx, stop := context.WithCancel(ctx)
	e := &entry{ctx: context.WithoutCancel(ctx), stop: stop, finish: func(context.Context, string) {}, remove: func(context.Context, string) {}, ended: make(chan struct{})}
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
func (l *fakeList) client(ctx context.Context, limit int, user, ref string, former *place) (*waiter, *fakeClient) {
	daemon := &Daemon{state: newConnState(), limit: Limit{Builds: limit, Daemon: "a"}, abandoned: make(chan struct{})}
	seen := &fakeClient{fakeList: l, life: ctx, black: make(chan struct{})}
	return &waiter{
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

// TestLimitIsKept lets 100 clients of five users come, build, die and fall silent.
func TestLimitIsKept(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 7))
				const limit = 4
				l := newFakeList(t)
				l.delay = func() time.Duration { return time.Duration(rand.IntN(40)) * time.Millisecond }
				began, silent := 0, 0
				var clients sync.WaitGroup
				for i := range 100 {
					arrival := time.Duration(random.IntN(120_000)) * time.Millisecond
					if seed%3 == 0 {
						arrival = 0 // all at once
					}
					length, fate := time.Duration(1+random.IntN(8_000))*time.Millisecond, random.IntN(10)
					user, ref := fmt.Sprint("user", random.IntN(5)), fmt.Sprint("build", i)
					doom := time.Duration(random.IntN(60_000)) * time.Millisecond
					switch fate {
					case 0: // it dies
					case 1:
						silent++
					default:
						began++
					}
					clients.Go(func() {
						time.Sleep(arrival)
						ctx, die := context.WithCancel(t.Context())
						defer die()
						switch fate {
						case 0:
							time.AfterFunc(doom, die)
							l.build(ctx, limit, user, ref, length)
						case 1: // nothing reaches it; the daemon notices after 150 s
							time.AfterFunc(150*time.Second, die)
							w, seen := l.client(ctx, limit, user, ref, nil)
							time.AfterFunc(doom/10, func() { close(seen.black) })
							if claim, err := w.wait(ctx); err == nil {
								claim.leave()
							}
						default:
							l.build(ctx, limit, user, ref, length)
						}
					})
				}
				clients.Wait()
				if l.most > limit {
					t.Errorf("%d builds ran at a time", l.most)
				}
				if len(l.order) < began {
					t.Errorf("%d of %d builds have begun", len(l.order), began)
				}
				if seed%3 == 0 && l.most < limit {
					t.Errorf("at most %d builds ran at a time", l.most)
				}
			})
		})
	}
}

// Users take turns, and each user's builds begin in the order in which they came.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeList(t)
		var clients sync.WaitGroup
		for _, name := range []string{"a1", "a2", "a3", "b1", "b2", "c1"} {
			clients.Go(func() { l.build(t.Context(), 1, name[:1], name, time.Minute) })
			time.Sleep(2 * time.Second)
		}
		clients.Wait()
		if want := []string{"a1", "b1", "c1", "a2", "b2", "a3"}; !slices.Equal(l.order, want) || l.most != 1 {
			t.Errorf("the order is %v, %d at a time", l.order, l.most)
		}
	})
}

// TestFreePlaces measures how long a place stays unused.
func TestFreePlaces(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(w *fakeClient, die, cancel func()) // of the one that is first
		runs bool                                    // it runs before
		most time.Duration
	}{
		"a client that dies while it builds":   {func(_ *fakeClient, die, _ func()) { die() }, true, time.Second},
		"a client that dies while it waits":    {func(_ *fakeClient, die, _ func()) { die() }, false, time.Second},
		"a client that is cancelled":           {func(_ *fakeClient, _, cancel func()) { cancel() }, false, time.Second},
		"a client that nothing reaches, waits": {func(c *fakeClient, _, _ func()) { close(c.black) }, false, 35 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newFakeList(t)
				running, end := context.WithCancel(t.Context())
				defer end()
				if !test.runs {
					l.begin(running, "other")
				}
				first, die := context.WithCancel(t.Context())
				defer die()
				w, seen := l.client(first, 1, "ann", "first", nil)
				go func() {
					if _, err := w.wait(first); err == nil {
						l.begin(first, "first")
					}
				}()
				time.Sleep(5 * time.Second)
				var waited time.Duration
				done := make(chan struct{})
				go func() {
					waited = l.build(t.Context(), 1, "ann", "second", time.Second)
					close(done)
				}()
				time.Sleep(5 * time.Second)
				test.end(seen, die, die)
				if !test.runs {
					end()
				}
				<-done
				if after := waited - 5*time.Second; after > test.most {
					t.Errorf("the place was free after %v", after)
				}
				die()
				time.Sleep(time.Minute)
			})
		})
	}
}

// A client that wakes up after the others have passed it looks again.
func TestClientThatWakesLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeList(t)
		other, end := context.WithCancel(t.Context())
		l.begin(other, "other")
		late := &lateClient{}
		var w *waiter
		w, late.fakeClient = l.client(t.Context(), 1, "ann", "late", nil)
		w.list = late
		var clients sync.WaitGroup
		clients.Go(func() {
			claim, err := w.wait(t.Context())
			if err != nil {
				t.Error(err)
			}
			l.begin(t.Context(), "late")
			claim.leave()
		})
		time.Sleep(3 * time.Second)
		waking := make(chan struct{})
		late.asleep.Store(&waking)
		end()
		clients.Go(func() { l.build(t.Context(), 1, "bob", "b", time.Minute) })
		time.Sleep(50 * time.Second) // bob has passed
		if !slices.Equal(l.order, []string{"other", "b"}) {
			t.Errorf("after 50 s: %v", l.order)
		}
		late.asleep.Store(nil)
		close(waking)
		clients.Wait()
		if l.most != 1 || len(l.order) != 3 {
			t.Errorf("%d at a time: %v", l.most, l.order)
		}
	})
}

// lateClient gets answers that are old when it is asleep.
type lateClient struct {
	*fakeClient
	asleep atomic.Pointer[chan struct{}]
}

func (c *lateClient) records(ctx context.Context) ([]queue.Record, error) {
	records, err := c.fakeClient.records(ctx)
	if waking := c.asleep.Load(); waking != nil {
		<-*waking
	}
	return records, err
}

func TestQueueTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeList(t)
		running, end := context.WithCancel(t.Context())
		go l.build(running, 1, "bob\x1b[31m", "x", time.Hour)
		time.Sleep(time.Second)
		w, _ := l.client(t.Context(), 1, "ann", "a", nil)
		w.Timeout = time.Minute
		var moves []int
		w.Moved = func(_ *Daemon, place int) { moves = append(moves, place) }
		began := time.Now()
		_, err := w.wait(t.Context())
		var timeout *QueueTimeoutError
		if !errors.As(err, &timeout) || timeout.Place != 1 || timeout.Limit != 1 || timeout.Waited != time.Minute ||
			len(timeout.Running) != 1 || timeout.Running[0].For.Round(time.Second) != time.Minute+time.Second {
			t.Fatalf("got %v, %+v", err, timeout)
		}
		if took := time.Since(began); took > time.Minute+time.Second {
			t.Errorf("it took %v", took)
		}
		if !slices.Equal(moves, []int{1, 0}) {
			t.Errorf("the places are %v", moves)
		}
		end()
		synctest.Wait()
		if len(l.active) != 0 {
			t.Errorf("%d records are left", len(l.active))
		}
		t.Log(err)
	})
}

// A build whose connection was lost does not wait again where it ran, and keeps its time elsewhere.
func TestResumedPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeList(t)
		former, _ := l.client(t.Context(), 1, "ann", "before", nil)
		former.place.queued = time.Now().Add(-time.Hour)
		former.place.admitted = true
		running, end := context.WithCancel(t.Context())
		l.begin(running, "other")
		attempt := &request.Attempt{Options: client.SolveOpt{Ref: "again"}}
		again, seen := l.client(t.Context(), 1, "ann", "again", former.place)
		ticket := again.daemon.ticket(attempt, Queue{User: "ann"}, again.place, former.place)
		if ticket.State != queue.Resumed || ticket.Resumes != "before" {
			t.Errorf("the ticket is %+v", ticket)
		}
		again.ticket = ticket
		claim, err := again.wait(t.Context())
		if err != nil || claim == nil {
			t.Fatal(err)
		}
		claim.leave()
		again.daemon.limit.Daemon = "b"
		if ticket := again.daemon.ticket(attempt, Queue{}, again.place, former.place); ticket.State != queue.Waiting || ticket.Resumes != "" {
			t.Errorf("elsewhere the ticket is %+v", ticket)
		}
		go l.build(t.Context(), 1, "bob", "bobs", time.Second)
		time.Sleep(time.Second)
		elsewhere, _ := l.client(t.Context(), 1, "ann", "elsewhere", former.place)
		elsewhere.daemon.limit.Daemon, elsewhere.list = "b", seen
		moved := make(chan int, 9)
		elsewhere.Moved = func(_ *Daemon, place int) { moved <- place }
		go func() { _, _ = elsewhere.wait(t.Context()) }()
		if place := <-moved; place != 1 {
			t.Errorf("a build that has waited for an hour is at place %d", place)
		}
		end()
		synctest.Wait()
	})
}

// A build that waits keeps its place over a new connection to the same daemon, before the later one
// of the same user.
func TestWaitKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeList(t)
		running, end := context.WithCancel(t.Context())
		l.begin(running, "other")
		cut, lose := context.WithCancel(t.Context())
		first, _ := l.client(cut, 1, "ann", "first", nil)
		go func() { _, _ = first.wait(cut) }()
		time.Sleep(time.Second)
		go l.build(t.Context(), 1, "ann", "last", time.Second)
		time.Sleep(time.Second)
		lose()
		time.Sleep(time.Second)
		again, _ := l.client(t.Context(), 1, "ann", "again", first.place)
		again.ticket.Resumes = "first"
		moved := make(chan int, 9)
		again.Moved = func(_ *Daemon, place int) { moved <- place }
		go func() {
			if claim, err := again.wait(t.Context()); err == nil {
				claim.leave()
			}
		}()
		if place := <-moved; place != 1 {
			t.Errorf("it is at place %d", place)
		}
		end()
		time.Sleep(time.Minute)
	})
}

// Another client can end a ticket, and hide it: that neither lets a build begin nor ends it.
func TestTicketsThatAnotherClientEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeList(t)
		running, end := context.WithCancel(t.Context())
		l.begin(running, "other")
		w, seen := l.client(t.Context(), 1, "ann", "a", nil)
		done := make(chan error, 1)
		go func() {
			claim, err := w.wait(t.Context())
			claim.leave()
			done <- err
		}()
		for range 20 {
			time.Sleep(5 * time.Second)
			l.mu.Lock()
			ticket := seen.entries[len(seen.entries)-1]
			l.mu.Unlock()
			l.change(func() { delete(l.active, ticket.Ref) })
			ticket.stop()
		}
		time.Sleep(5 * time.Second)
		select {
		case err := <-done:
			t.Errorf("the wait has ended: %v", err)
		default:
		}
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
	})
}

// A member that terminates is left, and a daemon that lists nothing keeps no one.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeList(t)
		running, end := context.WithCancel(t.Context())
		l.begin(running, "other")
		w, _ := l.client(t.Context(), 1, "ann", "a", nil)
		time.AfterFunc(time.Minute, func() { w.daemon.Abandon(errors.New("it is being deleted")) })
		_, err := w.wait(t.Context())
		var lost *LostError
		if !errors.As(err, &lost) {
			t.Errorf("got %v", err)
		}
		l.blind = true
		blind, _ := l.client(t.Context(), 1, "ann", "b", nil)
		warned := false
		blind.Blind = func() { warned = true }
		if claim, err := blind.wait(t.Context()); claim != nil || err != nil || !warned {
			t.Errorf("got %v, %v, %v", claim, err, warned)
		}
		end()
		synctest.Wait()
	})
}
