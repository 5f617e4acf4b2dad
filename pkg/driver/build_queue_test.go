package driver

import (
	"context"
	"slices"
	"sync"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
)

// A build that was running keeps its place over a lost connection, but not on another member: there
// it waits for its turn.
func TestBuildWaitsAgainOnAnotherMember(t *testing.T) {
	two := func(s *builder.Spec) { s.Replicas, s.MaxBuilds = 2, 1 }
	inBubble(t, two, func(t *testing.T, w *world) {
		var mu sync.Mutex
		states, lost := map[string][]queue.State{}, ""
		for pod, daemon := range w.daemons {
			daemon.OnSolve = func(ctx context.Context, req *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
				mu.Lock()
				ticket, isTicket := queue.Parse(req.FrontendAttrs)
				first := !isTicket && lost == ""
				switch {
				case isTicket:
					states[pod] = append(states[pod], ticket.State)
				case first:
					lost = pod
				}
				mu.Unlock()
				if first {
					go func() {
						daemon.Stop()
						w.Delete("pods", pod)
					}()
				}
				if isTicket || first {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return made(ctx, req)
			}
		}
		if _, err := w.driver.Build(t.Context(), building(t, nil)); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		delete(states, lost)
		for pod, got := range states {
			if slices.Contains(got, queue.Resumed) || !slices.Contains(got, queue.Claimed) {
				t.Errorf("the build that %q has lost is on %q as %q", lost, pod, got)
			}
		}
		if lost == "" || len(states) != 1 {
			t.Errorf("lost %q, then %v", lost, states)
		}
	})
}
