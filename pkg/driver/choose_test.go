package driver

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/placement"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// unanswered makes the API server answer no request to connect to the Pod, as one whose kubelet is
// away does.
func (w *world) unanswered(pods ...string) {
	w.Refuse(func(r *http.Request, kind, name string) *metav1.Status {
		if kind == "pods/portforward" && slices.Contains(pods, name) {
			<-r.Context().Done()
			return testcluster.Failure(http.StatusGatewayTimeout, metav1.StatusReasonTimeout, "too late")
		}
		return nil
	})
}

// impostor puts a daemon in the Pod's place that has the certificates of another builder.
func (w *world) impostor(t *testing.T, pod string) {
	w.daemons[pod].Stop()
	w.daemons[pod] = w.Start(pod, testcluster.Issue(t, time.Now()))
}

// What becomes of a build where its first choice, or another member, is not as it should be. The
// order of the members is that of the test.
func TestChoiceOfAMember(t *testing.T) {
	const at = 0 * time.Second
	for name, c := range map[string]struct {
		change func(t *testing.T, w *world, order []string)
		want   int // its place in the order
		reason string
		within time.Duration
		warns  string
	}{
		"idle":                   {func(*testing.T, *world, []string) {}, 0, "the first choice for this context", at, ""},
		"a member does not hold": {func(_ *testing.T, w *world, o []string) { w.unanswered(o[1], o[2]) }, 0, "the first choice", at, ""},
		"busy": {func(_ *testing.T, w *world, o []string) { w.daemons[o[0]].Active = 5 }, 1,
			`FIRST, the first choice, runs 5 builds already, the mean is 1.7`, at, ""},
		"all are busy": {func(_ *testing.T, w *world, o []string) {
			for _, pod := range o {
				w.daemons[pod].Active = 9
			}
		}, 0, "the first choice", at, ""},
		"two are busy":            {func(_ *testing.T, w *world, o []string) { w.daemons[o[0]].Active, w.daemons[o[1]].Active = 9, 9 }, 2, "runs 9 builds", at, ""},
		"terminating":             {func(_ *testing.T, w *world, o []string) { w.Terminating(o[0]) }, 1, "FIRST, the first choice, is terminating", at, ""},
		"terminating, and frozen": {func(_ *testing.T, w *world, o []string) { w.daemons[o[0]].Freeze(); w.Terminating(o[0]) }, 1, "is terminating", at, ""},
		"missing":                 {func(_ *testing.T, w *world, o []string) { w.Delete("pods", o[0]) }, 1, "does not exist", at, ""},
		"not ready": {func(_ *testing.T, w *world, o []string) {
			w.Set("pods", o[0], testcluster.Waiting("ImagePullBackOff", "x"))
		}, 1, "is not ready (ImagePullBackOff)", at, ""},
		"nothing listens":            {func(_ *testing.T, w *world, o []string) { w.daemons[o[0]].Stop() }, 1, "cannot be reached", at, ""},
		"the Pod may not be read":    {func(_ *testing.T, w *world, o []string) { w.Refuse(forbiddenPod("pods", o[0])) }, 1, "is not permitted to you", at, ""},
		"the port may not be used":   {func(_ *testing.T, w *world, o []string) { w.Refuse(forbiddenPod("pods/portforward", o[0])) }, 1, "is not permitted to you", at, ""},
		"its certificate is another": {func(t *testing.T, w *world, o []string) { w.impostor(t, o[0]) }, 1, "does not have the certificates of the builder", at, "does not have the certificates of builder"},
		"another's certificate":      {func(t *testing.T, w *world, o []string) { w.impostor(t, o[1]); w.daemons[o[0]].Active = 5 }, 2, "runs 5 builds", at, "does not have the certificates of builder"},
		"its node is unreachable":    {func(_ *testing.T, w *world, o []string) { w.unanswered(o[0]) }, 1, "did not answer in time", shortestGrace, ""},
		"its daemon is stopped":      {func(_ *testing.T, w *world, o []string) { w.daemons[o[0]].Freeze() }, 1, "did not answer in time", shortestGrace, ""},
		"busy, another unreachable":  {func(_ *testing.T, w *world, o []string) { w.daemons[o[0]].Active = 5; w.unanswered(o[1]) }, 2, "runs 5 builds", shortestGrace, ""},
		"two are unreachable":        {func(_ *testing.T, w *world, o []string) { w.unanswered(o[0], o[1]) }, 2, "did not answer in time", shortestGrace, ""},
		"slow, and one unreachable":  {func(_ *testing.T, w *world, o []string) { w.Delay = time.Second; w.unanswered(o[0]) }, 1, "did not answer in time", 6 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, threeMembers, func(t *testing.T, w *world) {
				o := options()
				o.Affinity = "/home/jane/app"
				order := placement.Order(builder.MemberNames(builder.DefaultName, 3, true), o.Affinity)
				c.change(t, w, order)
				began := time.Now()
				got, err := w.driver.Connect(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = got.Close() }()
				if took := time.Since(began); took > c.within {
					t.Errorf("it took %v, want at most %v", took, c.within)
				}
				if got.Member.Pod != order[c.want] || got.Member.UID == "" || got.Member.Node == "" {
					t.Errorf("the member is %+v, want number %d of %q", got.Member, c.want, order)
				}
				reason := strings.ReplaceAll(got.reason, `"`+order[0]+`"`, "FIRST")
				if !strings.Contains(reason, c.reason) || !strings.HasPrefix(got.reason, `building on "`+got.Member.Pod+`"`) {
					t.Errorf("the reason is %q, want %q", got.reason, c.reason)
				}
				if _, err := got.Daemon.Version(t.Context()); err != nil {
					t.Error(err)
				}
				if c.warns != "" {
					w.noted(t, c.warns)
				} else if len(w.notices) > 0 {
					t.Errorf("notices: %q", w.notices)
				}
				w.onlyOpen(t, got.Member.Pod)
			})
		})
	}
}

// forbiddenPod refuses requests about one Pod.
func forbiddenPod(kind, pod string) func(*http.Request, string, string) *metav1.Status {
	return func(_ *http.Request, of, name string) *metav1.Status {
		if of == kind && name == pod {
			return testcluster.Forbidden("get", kind, pod)
		}
		return nil
	}
}

// onlyOpen fails the test unless the connections to all other members end.
func (w *world) onlyOpen(t *testing.T, pod string) {
	t.Helper()
	time.Sleep(15 * time.Second) // in the bubble; also those that were being opened
	synctest.Wait()
	for name, daemon := range w.daemons {
		if open := daemon.Open(); open > 0 && name != pod || open != 1 && name == pod {
			t.Errorf("%d connections to %s are open, builds are on %s", open, name, pod)
		}
	}
}

// A limit makes a member busy that runs as many builds as it may.
func TestChoiceFollowsTheLimit(t *testing.T) {
	two := func(s *builder.Spec) { s.Replicas, s.MaxBuilds = 2, 1 }
	inBubble(t, two, func(t *testing.T, w *world) {
		order := placement.Order(builder.MemberNames(builder.DefaultName, 2, true), "")
		w.daemons[order[0]].Active = 1
		if got := w.connect(t); got.Member.Pod != order[1] {
			t.Errorf("the build would wait on %s", got.Member.Pod)
		}
	})
}

func TestNoMemberCanBeUsed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, w *world, pod string, number int)
		is     func(error) bool
	}{
		"missing":                   {func(_ *testing.T, w *world, pod string, _ int) { w.Delete("pods", pod) }, is[*cluster.NotReadyError]},
		"refused":                   {func(_ *testing.T, w *world, pod string, _ int) { w.daemons[pod].Stop() }, isTransient},
		"with others' certificates": {func(t *testing.T, w *world, pod string, _ int) { w.impostor(t, pod) }, is[*cluster.UntrustedError]},
		"one has another's certificate": {func(t *testing.T, w *world, pod string, number int) {
			if number == 2 {
				w.impostor(t, pod)
			} else {
				w.Delete("pods", pod)
			}
		}, is[*cluster.UntrustedError]},
		"one starts": {func(t *testing.T, w *world, pod string, number int) {
			if number == 1 {
				w.Set("pods", pod, testcluster.Object{"status": testcluster.Object{"phase": "Pending"}})
			} else {
				w.Terminating(pod)
			}
		}, isStarting},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, threeMembers, func(t *testing.T, w *world) {
				for i, pod := range placement.Order(builder.MemberNames(builder.DefaultName, 3, true), "") {
					c.change(t, w, pod, i)
				}
				if _, err := w.driver.Connect(t.Context(), options()); err == nil || !c.is(err) {
					t.Errorf("got %T: %v", err, err)
				}
			})
		})
	}
}

// Of many members a few are asked at a time, until one can be used.
func TestManyMembers(t *testing.T) {
	inBubble(t, func(s *builder.Spec) { s.Replicas = 20 }, func(t *testing.T, w *world) {
		order := placement.Order(builder.MemberNames(builder.DefaultName, 20, true), "")
		w.Forget()
		if got := w.connect(t); got.Member.Pod != order[0] {
			t.Errorf("connected to %s", got.Member.Pod)
		}
		if asked := len(w.Requests()); asked > 3+2*cluster.SideBySide {
			t.Errorf("%d requests: %q", asked, w.Requests())
		}
		for _, pod := range order[:10] {
			w.Delete("pods", pod)
		}
		if got := w.connect(t); got.Member.Pod != order[10] || !strings.Contains(got.reason, "does not exist") {
			t.Errorf("connected to %s: %s", got.Member.Pod, got.reason)
		}
	})
}

// The load costs no round trip: connecting to one of several members takes as many as it did when
// only their order counted, and a builder of one Pod is asked nothing more than before.
func TestChoiceTakesNoMoreRoundTrips(t *testing.T) {
	for _, c := range []struct {
		replicas int32
		busy     bool
		trips    int
	}{
		{1, false, 2}, // the Secret and the Pod with the tunnel; TLS
		{3, false, 4}, // the Secret; the Pods with the tunnels; TLS; the load
		{3, true, 4},
	} {
		inBubble(t, func(s *builder.Spec) { s.Replicas = c.replicas }, func(t *testing.T, w *world) {
			for name := range w.daemons {
				if c.busy && name != "buildkitd-0" {
					w.daemons[name].Active = 7
				}
			}
			w.Delay = 200 * time.Millisecond
			w.Forget()
			began := time.Now()
			got := w.connect(t)
			if took := time.Since(began); took != time.Duration(c.trips)*w.Delay {
				t.Errorf("%d members: %v, want %d round trips", c.replicas, took, c.trips)
			}
			if c.busy && got.Member.Pod != "buildkitd-0" {
				t.Errorf("connected to %s", got.Member.Pod)
			}
			want := []string{"GET pods/buildkitd", "GET secrets/buildkitd-client", "POST pods/buildkitd/portforward"}
			if asked := w.Requests(); c.replicas == 1 && len(asked) != len(want) {
				t.Errorf("the requests are %q, want %q", asked, want)
			}
		})
	}
}

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
