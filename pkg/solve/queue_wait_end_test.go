package solve

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

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
		if records, _ := seen.records(t.Context()); len(records) != 2 {
			t.Errorf("%d records are listed, want the other build and a ticket", len(records))
		}
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
