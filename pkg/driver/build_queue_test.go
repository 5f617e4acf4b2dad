package driver

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
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

// The ready members of all builders are asked for their builds, and no other: what is not up does
// not hold the list up, nor does one that does not answer for longer than the bound.
func TestBuildsOfAllBuilders(t *testing.T) {
	limited := func(spec *builder.Spec) { threeMembers(spec); spec.MaxBuilds = 2 }
	inBubble(t, limited, func(t *testing.T, w *world) {
		w.daemons["buildkitd-0"].Active, w.daemons["buildkitd-1"].Active = 2, 1
		list := func() []cluster.Builder {
			c, err := w.driver.Cluster()
			if err != nil {
				t.Fatal(err)
			}
			builders, err := c.List(t.Context(), true)
			if err != nil || len(builders) != 1 {
				t.Fatalf("got %v, %v", builders, err)
			}
			return append(builders, cluster.Builder{Name: "missing", Namespace: "other", Desired: 1})
		}
		elsewhere := New(nil, "elsewhere")
		elsewhere.config, elsewhere.noted, elsewhere.proofs = w.driver.config, w.driver.noted, w.driver.proofs
		builders := list()
		running := func(builds map[string]MemberBuilds) (counts []int) {
			for _, member := range builders[0].Members {
				if found, known := builds[member.UID]; known && found.Limit == 2 {
					counts = append(counts, len(found.Running))
				} else {
					counts = append(counts, -1)
				}
			}
			return counts
		}
		builds, unlisted := elsewhere.Builds(t.Context(), options(), builders)
		if got := running(builds); got[0] != 2 || got[1] != 1 || got[2] != 0 || len(unlisted) != 0 {
			t.Errorf("got %v, %v", got, unlisted)
		}
		w.daemons["buildkitd-1"].Freeze()
		began := time.Now()
		builds, unlisted = w.driver.Builds(t.Context(), options(), builders)
		if got := running(builds); got[0] != 2 || got[1] != -1 || len(unlisted) != 1 || unlisted[0].Pod != "buildkitd-1" {
			t.Errorf("with one that is frozen: got %v, %v", got, unlisted)
		}
		if text := unlisted[0].String(); !strings.Contains(text, "did not answer in time") {
			t.Errorf("got %q", text)
		}
		if took := time.Since(began); took > listTimeout+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
