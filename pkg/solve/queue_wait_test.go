package solve

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
)

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

// TestOwnClaimIsNoBuild shows the right place also while the daemon still lists the claim that was
// not admitted.
func TestOwnClaimIsNoBuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeList(t)
		l.after = 3 * time.Second
		clients, end := context.WithCancel(t.Context())
		l.begin(clients, "other")
		for i, name := range []string{"ann", "bob"} {
			w, _ := l.client(clients, 1, name, name, nil)
			var places []int
			w.Moved = func(_ *Daemon, place int) { places = append(places, place) }
			go func() { _, _ = w.wait(clients) }()
			time.Sleep(time.Second)
			synctest.Wait()
			if !slices.Equal(places, []int{i + 1}) {
				t.Errorf("the places of %s are %v", name, places)
			}
			time.Sleep(time.Minute)
		}
		end()
		time.Sleep(time.Minute)
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
		var w *queueWaiter
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
		if order := l.begun(); !slices.Equal(order, []string{"other", "b"}) {
			t.Errorf("after 50 s: %v", order)
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

// A client that sleeps while it is told that its claim is among the first looks again: the others
// have passed it, and one of them builds.
func TestAdmissionThatIsOldIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeList(t)
		other, end := context.WithCancel(t.Context())
		l.begin(other, "other")
		w, seen := l.client(t.Context(), 1, "ann", "late", nil)
		late := &claimingClient{fakeClient: seen, waking: make(chan struct{})}
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
		clients.Go(func() { l.build(t.Context(), 1, "bob", "b", time.Minute) })
		time.Sleep(3 * time.Second)
		late.armed.Store(true)
		end()
		time.Sleep(50 * time.Second) // bob has passed the claim
		if order := l.begun(); !slices.Equal(order, []string{"other", "b"}) || late.looks.Load() != 2 {
			t.Errorf("after 50 s: %v, %d looks", order, late.looks.Load())
		}
		close(late.waking)
		clients.Wait()
		if l.most != 1 || len(l.order) != 3 {
			t.Errorf("%d at a time: %v", l.most, l.order)
		}
	})
}

// claimingClient, once it is armed, is slow at the first look after a claim, so that it takes a
// second one, and sleeps over that.
type claimingClient struct {
	*fakeClient
	armed  atomic.Bool
	looks  atomic.Int32 // since its claim
	waking chan struct{}
}

func (c *claimingClient) enter(ctx context.Context, attributes map[string]string) *queueEntry {
	if ticket, _ := queue.Parse(attributes); ticket.State == queue.Claimed {
		c.looks.Store(0)
	}
	return c.fakeClient.enter(ctx, attributes)
}

func (c *claimingClient) records(ctx context.Context) ([]queue.Record, error) {
	records, err := c.fakeClient.records(ctx)
	if c.armed.Load() && len(c.entries) > 2 { // the second claim
		switch c.looks.Add(1) {
		case 1:
			time.Sleep(2 * settleTime)
		case 2:
			<-c.waking
		}
	}
	return records, err
}
