package solve

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// Peers take their places in their order, whichever comes first, and wait for one another when
// their steps have run. One that is sent again does not hold the others up.
func TestPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peers := NewPeers(3)
		events := make(chan string, 20)
		name := []string{"first", "second", "third"}
		build := func(rank int) {
			if err := peers[rank].take(t.Context(), &Daemon{}, &request.Attempt{}, Queue{}, nil, nil); err != nil {
				t.Error(err)
			}
			events <- name[rank] + " begins"
		}
		evaluate := func(rank int) {
			if err := peers[rank].awaitEvaluated(t.Context()); err != nil {
				t.Error(err)
			}
			events <- name[rank] + " exports"
		}
		seen := func() (all []string) {
			synctest.Wait()
			for len(events) > 0 {
				all = append(all, <-events)
			}
			slices.Sort(all)
			return all
		}
		go build(2)
		go build(1)
		if got := seen(); len(got) > 0 {
			t.Errorf("before its turn: %q", got)
		}
		go build(0)
		if got := seen(); len(got) != 3 {
			t.Errorf("after the first: %q", got)
		}
		go evaluate(0)
		go evaluate(0) // over another connection
		go evaluate(2)
		if got := seen(); len(got) > 0 {
			t.Errorf("before the steps of all have run: %q", got)
		}
		go evaluate(1)
		if got := seen(); len(got) != 4 {
			t.Errorf("after that: %q", got)
		}
		go build(0)
		go evaluate(0)
		if got := seen(); len(got) != 2 {
			t.Errorf("sent again: %q", got)
		}
	})
}

// A peer that waits ends with its context, and a build alone waits for none.
func TestPeerIsCanceled(t *testing.T) {
	why := errors.New("another one has failed")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	peers := NewPeers(2)
	for _, err := range []error{peers[1].take(ctx, &Daemon{}, &request.Attempt{}, Queue{}, nil, nil), peers[0].awaitEvaluated(ctx)} {
		var canceled *CanceledError
		if !errors.As(err, &canceled) || !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
	}
	if err := (*Peer)(nil).awaitEvaluated(ctx); err != nil {
		t.Errorf("alone: %v", err)
	}
}
