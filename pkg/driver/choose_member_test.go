package driver

import (
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
			`FIRST, the first choice, has 5 builds already, the mean is 1.7`, at, ""},
		"all are busy": {func(_ *testing.T, w *world, o []string) {
			for _, pod := range o {
				w.daemons[pod].Active = 9
			}
		}, 0, "the first choice", at, ""},
		"two are busy":            {func(_ *testing.T, w *world, o []string) { w.daemons[o[0]].Active, w.daemons[o[1]].Active = 9, 9 }, 2, "has 9 builds", at, ""},
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
		"another's certificate":      {func(t *testing.T, w *world, o []string) { w.impostor(t, o[1]); w.daemons[o[0]].Active = 5 }, 2, "has 5 builds", at, "does not have the certificates of builder"},
		"its node is unreachable":    {func(_ *testing.T, w *world, o []string) { w.unanswered(o[0]) }, 1, "did not answer in time", shortestGrace, ""},
		"its daemon is stopped":      {func(_ *testing.T, w *world, o []string) { w.daemons[o[0]].Freeze() }, 1, "did not answer in time", shortestGrace, ""},
		"busy, another unreachable":  {func(_ *testing.T, w *world, o []string) { w.daemons[o[0]].Active = 5; w.unanswered(o[1]) }, 2, "has 5 builds", shortestGrace, ""},
		"two are unreachable":        {func(_ *testing.T, w *world, o []string) { w.unanswered(o[0], o[1]) }, 2, "did not answer in time", shortestGrace, ""},
		"slow, and one unreachable":  {func(_ *testing.T, w *world, o []string) { w.Delay = time.Second; w.unanswered(o[0]) }, 1, "did not answer in time", 4*time.Second + longestGrace, ""},
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
