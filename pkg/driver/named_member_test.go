package driver

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/placement"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func TestPinnedMember(t *testing.T) {
	inBubble(t, threeMembers, func(t *testing.T, w *world) {
		for typed, want := range map[string]string{"buildkitd-2": "buildkitd-2", "1": "buildkitd-1", "0": "buildkitd-0"} {
			w.daemons[want].Active = 40
			o := options()
			o.Member = typed
			got, err := w.driver.Connect(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if got.Member.Pod != want || got.reason != `building on "`+want+`", as requested` {
				t.Errorf("%s leads to %s: %s", typed, got.Member.Pod, got.reason)
			}
			_ = got.Close()
		}
		w.Forget()
		for _, typed := range []string{"3", "-1", "buildkitd", "buildkitd-3", "buildkitd-01", "x", "other-0"} {
			o := options()
			o.Member = typed
			_, err := w.driver.Connect(t.Context(), o)
			var wrong *usage.Error
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "buildkitd-0, buildkitd-1, buildkitd-2") {
				t.Errorf("%s: %v", typed, err)
			}
		}
		for _, request := range w.Requests() {
			if strings.Contains(request, "buildkitd-0") {
				t.Errorf("a wrong name leads to %q", request)
			}
		}
		w.Terminating("buildkitd-1")
		o := options()
		o.Member = "1"
		_, err := w.driver.Connect(t.Context(), o)
		var unusable *MemberError
		if !errors.As(err, &unusable) || unusable.Pod != "buildkitd-1" || !is[*cluster.TerminatingError](err) {
			t.Errorf("got %v", err)
		}
	})
	inBubble(t, nil, func(t *testing.T, w *world) {
		o := options()
		o.Member = pod
		if got, err := w.driver.Connect(t.Context(), o); err != nil || got.reason != "" {
			t.Errorf("got %+v, %v", got, err)
		} else {
			_ = got.Close()
		}
		o.Member = "1"
		if _, err := w.driver.Connect(t.Context(), o); !is[*usage.Error](err) {
			t.Errorf("got %v", err)
		}
	})
}

// Ctrl-C ends the choice at once, and every connection that was being opened.
func TestChoiceIsCancelled(t *testing.T) {
	inBubble(t, threeMembers, func(t *testing.T, w *world) {
		w.unanswered("buildkitd-0", "buildkitd-1", "buildkitd-2")
		ctx, cancel := context.WithCancel(t.Context())
		w.after(time.Second, cancel)
		began := time.Now()
		_, err := w.driver.Connect(ctx, options())
		if !is[*solve.CanceledError](err) || time.Since(began) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		w.onlyOpen(t, "")
	})
}

// A build that loses its connection stays on its member, whatever that has to do, and goes to
// another one only where that is gone.
func TestReconnectPrefersTheSameMember(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, on string)
		moves  bool
		within time.Duration
	}{
		"it is there":         {func(*world, string) {}, false, time.Second},
		"it is busy":          {func(w *world, on string) { w.daemons[on].Active = 50 }, false, time.Second},
		"it was deleted":      {func(w *world, on string) { w.Delete("pods", on) }, true, time.Second},
		"it is terminating":   {func(w *world, on string) { w.Terminating(on) }, true, time.Second},
		"it does not answer":  {func(w *world, on string) { w.unanswered(on) }, true, preferredGrace + time.Second},
		"nothing listens yet": {func(w *world, on string) { w.daemons[on].Stop() }, true, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, threeMembers, func(t *testing.T, w *world) {
				ctx, stop := context.WithCancel(t.Context())
				o := options()
				o.Member = "1" // which need not be the first choice
				first, err := w.driver.Connect(ctx, o)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = first.Close() }()
				for _, affinity := range []string{"a", "b", "c", "d", "e"} {
					if o.Affinity = affinity; placement.Order(builder.MemberNames(pod, 3, true), affinity)[0] != "buildkitd-1" {
						break
					}
				}
				o.Member = ""
				display := &shownSteps{}
				r := newReconnector(ctx, w.driver, BuildOptions{Connect: o, RetryTimeout: time.Minute}, display, first)
				defer r.watches.Wait()
				defer stop()
				c.change(w, "buildkitd-1")
				began := time.Now()
				daemon, err := r.reconnect(ctx, &solve.LostError{Cause: errors.New("x")})
				if err != nil {
					t.Fatal(err)
				}
				again := r.of(daemon)
				defer func() { _ = again.Close() }()
				if moved := again.Member.Pod != "buildkitd-1"; moved != c.moves || moved != (len(display.names) == 1) {
					t.Errorf("the build goes on on %s, shown: %q", again.Member.Pod, display.names)
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// The progress says on which member a build runs and why, and nothing of the only one.
func TestProgressNamesTheMember(t *testing.T) {
	for replicas, want := range map[int32]bool{1: false, 3: true} {
		inBubble(t, func(s *builder.Spec) { s.Replicas = replicas }, func(t *testing.T, w *world) {
			var shown strings.Builder
			o := building(t, func(o *BuildOptions) { o.Progress = Progress{Mode: "plain", Terminal: &shown} })
			if _, err := w.driver.Build(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(shown.String(), "building on"); got != want {
				t.Errorf("%d members:\n%s", replicas, shown.String())
			}
		})
	}
}
