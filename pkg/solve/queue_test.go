package solve

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// fakeQueue is the list of the active builds of a fakeDaemon, whose builds last until they are let
// go.
type fakeQueue struct {
	mu        sync.Mutex
	active    map[string]*controlapi.BuildHistoryRecord
	sent      []*controlapi.SolveRequest
	listeners map[chan struct{}]bool
	finish    chan struct{} // a token for each build that may end
	begun     chan string   // the references of the builds
}

func newFakeQueue() *fakeQueue {
	return &fakeQueue{
		active: map[string]*controlapi.BuildHistoryRecord{}, listeners: map[chan struct{}]bool{}, finish: make(chan struct{}, 9), begun: make(chan string, 9),
	}
}

func (q *fakeQueue) change(do func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	do()
	for listener := range q.listeners {
		select {
		case listener <- struct{}{}:
		default:
		}
	}
}

func (q *fakeQueue) solve(ctx context.Context, req *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
	record := &controlapi.BuildHistoryRecord{Ref: req.Ref, CreatedAt: timestamppb.Now(), FrontendAttrs: req.FrontendAttrs, Frontend: req.Frontend}
	q.change(func() { q.active[req.Ref], q.sent = record, append(q.sent, req) })
	defer q.change(func() { delete(q.active, req.Ref) })
	if req.Frontend == "" {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	q.begun <- req.Ref
	select {
	case <-q.finish:
		return &controlapi.SolveResponse{ExporterResponse: map[string]string{"containerimage.digest": "sha256:" + strings.Repeat("a", 64)}}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (q *fakeQueue) listen(req *controlapi.BuildHistoryRequest, stream controlapi.Control_ListenBuildHistoryServer) error {
	changed := make(chan struct{}, 1)
	q.change(func() { q.listeners[changed] = true })
	defer q.change(func() { delete(q.listeners, changed) })
	for {
		q.mu.Lock()
		active := slices.Collect(maps.Values(q.active))
		q.mu.Unlock()
		for _, record := range active {
			if err := stream.Send(&controlapi.BuildHistoryEvent{Type: controlapi.BuildHistoryEventType_STARTED, Record: record}); err != nil {
				return err
			}
		}
		if req.EarlyExit {
			return nil
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return nil
		}
	}
}

// builds returns the requests that are no tickets or claims.
func (q *fakeQueue) builds() (builds, tickets []*controlapi.SolveRequest) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, req := range q.sent {
		if _, isTicket := queue.Parse(req.FrontendAttrs); isTicket {
			tickets = append(tickets, req)
		} else {
			builds = append(builds, req)
		}
	}
	return builds, tickets
}

// The request of a build is the same with and without a limit, and without one nothing else is
// sent.
func TestLimitDoesNotChangeTheBuild(t *testing.T) {
	var sent []*controlapi.SolveRequest
	dir := t.TempDir()
	for _, limit := range []int{0, 2} {
		q := newFakeQueue()
		daemon := (&fakeDaemon{queue: q}).start(t, nil)
		d := daemon.mustConnect(t)
		d.SetLimit(Limit{Builds: limit, Daemon: "a"})
		q.finish <- struct{}{}
		if _, _, err := (Build{Request: requestFor(t, dir, request.Output{Push: true}), Display: &recorder{}, Queue: Queue{User: "ann"}}).Run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		builds, tickets := q.builds()
		if len(builds) != 1 || len(tickets) != min(limit, 1) || (daemon.listened.Load() == nil) != (limit == 0) {
			t.Fatalf("limit %d: %d builds, %d tickets", limit, len(builds), len(tickets))
		}
		build := builds[0]
		build.Ref, build.Session = "", ""
		sent = append(sent, build)
	}
	if !proto.Equal(sent[0], sent[1]) {
		t.Errorf("without a limit %v\nwith one %v", sent[0], sent[1])
	}
}

// A build that waits is sent when the other one has ended, and its ticket and claim have ended
// then.
func TestBuildWaits(t *testing.T) {
	q := newFakeQueue()
	daemon := (&fakeDaemon{queue: q}).start(t, nil)
	places := make(chan int, 9)
	run := func() <-chan error {
		d := daemon.mustConnect(t)
		d.SetLimit(Limit{Builds: 1, Daemon: "a"})
		done := make(chan error, 1)
		moved := func(_ *Daemon, place int) { places <- place }
		go func() {
			_, _, err := Build{Request: newRequest(t), Display: &recorder{}, Queue: Queue{User: "ann", Moved: moved}}.Run(t.Context(), d)
			done <- err
		}()
		return done
	}
	first := run()
	<-q.begun
	second := run()
	if place := <-places; place != 1 {
		t.Errorf("place %d", place)
	}
	q.finish <- struct{}{}
	if err := <-first; err != nil {
		t.Error(err)
	}
	<-q.begun
	if place := <-places; place != 0 {
		t.Errorf("place %d after the wait", place)
	}
	q.finish <- struct{}{}
	if err := <-second; err != nil {
		t.Error(err)
	}
	awaitThat(t, "the end of all records", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.active) == 0
	})
}

// A build that waits goes to another member when its own terminates, and one that was running
// begins there only when it is its turn.
func TestWaitGoesOnElsewhere(t *testing.T) {
	full, free := newFakeQueue(), newFakeQueue()
	fullDaemon, freeDaemon := (&fakeDaemon{queue: full}).start(t, nil), (&fakeDaemon{queue: free}).start(t, nil)
	other := fullDaemon.mustConnect(t)
	blocking := other.enter(t.Context(), nil)
	awaitThat(t, "the other build", func() bool {
		full.mu.Lock()
		defer full.mu.Unlock()
		return len(full.active) == 1
	})
	d := fullDaemon.mustConnect(t)
	d.SetLimit(Limit{Builds: 1, Daemon: "full"})
	places := make(chan int, 9)
	free.finish <- struct{}{}
	var lost *LostError
	build := Build{
		Request: newRequest(t), Display: &recorder{}, Retries: 1,
		Queue: Queue{User: "ann", Moved: func(_ *Daemon, place int) { places <- place }},
		Reconnect: func(_ context.Context, why *LostError) (*Daemon, error) {
			lost = why
			next := freeDaemon.mustConnect(t)
			next.SetLimit(Limit{Builds: 1, Daemon: "free"})
			return next, nil
		},
	}
	go func() {
		<-places
		d.Abandon(errors.New("it is being deleted"))
	}()
	if _, _, err := build.Run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if lost == nil || lost.Cause.Error() != "it is being deleted" {
		t.Errorf("the loss is %v", lost)
	}
	_, tickets := free.builds()
	if ticket, _ := queue.Parse(tickets[0].FrontendAttrs); ticket.State != queue.Claimed || ticket.Resumes != "" || time.Since(ticket.Queued) > time.Minute {
		t.Errorf("the claim elsewhere is %+v", ticket)
	}
	blocking.leave()
}

// A build that runs and loses its connection goes on at once on the same daemon, where others wait.
func TestBuildResumesItsPlace(t *testing.T) {
	q := newFakeQueue()
	daemon := (&fakeDaemon{queue: q}).start(t, nil)
	connect := func() *Daemon {
		d := daemon.mustConnect(t)
		d.SetLimit(Limit{Builds: 1, Daemon: "a"})
		return d
	}
	d, waiting := connect(), make(chan int, 9)
	done := make(chan error, 1)
	go func() {
		_, _, err := Build{
			Request: newRequest(t), Display: &recorder{}, Retries: 1, Queue: Queue{User: "ann", Moved: func(*Daemon, int) { t.Error("it waits") }},
			Reconnect: func(context.Context, *LostError) (*Daemon, error) { return connect(), nil },
		}.Run(t.Context(), d)
		done <- err
	}()
	former := <-q.begun
	behind, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, _, err := Build{Request: newRequest(t), Display: &recorder{}, Queue: Queue{User: "bob", Moved: func(_ *Daemon, place int) { waiting <- place }}}.Run(behind, connect())
		ended <- err
	}()
	<-waiting
	d.Fail(errors.New("cut"))
	for {
		if ref := <-q.begun; ref != former {
			break
		}
	}
	awaitThat(t, "its claim", func() bool {
		_, tickets := q.builds()
		return slices.ContainsFunc(tickets, func(req *controlapi.SolveRequest) bool {
			ticket, _ := queue.Parse(req.FrontendAttrs)
			return ticket.State == queue.Resumed && ticket.Resumes == former
		})
	})
	q.finish <- struct{}{}
	q.finish <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err == nil {
		t.Log("the other build has ended first")
	}
}

// awaitThat waits until the condition holds.
func awaitThat(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
