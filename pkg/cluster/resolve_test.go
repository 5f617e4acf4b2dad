package cluster_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

func typed(uid string) types.UID { return types.UID(uid) }

// installed puts a builder in place, as install would, whose members are ready.
func installed(t *testing.T, s *apiServer, change func(*builder.Spec)) {
	t.Helper()
	wanted := spec()
	change(&wanted)
	objects, err := manifest.New(wanted, issue(t, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	s.put("secrets", objects.Server, objects.Client)
	s.put("configmaps", objects.Config())
	var owners []metav1.OwnerReference
	if wanted.Stateful() {
		objects.Workload.SetUID(typed("set-" + wanted.Name))
		s.put("statefulsets", objects.Workload)
		owners = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: wanted.Name, UID: objects.Workload.GetUID(), Controller: new(true)}}
	}
	for _, name := range wanted.MemberNames() {
		pod := objects.Pod.DeepCopy()
		pod.Name, pod.OwnerReferences = name, owners
		s.put("pods", pod)
		ready(s, name)
	}
}

func ready(s *apiServer, name string) {
	status := podStatus(object{"running": object{"startedAt": "2026-01-01T00:00:00Z"}})
	status["conditions"] = []any{object{"type": "Ready", "status": "True"}}
	s.set("pods", name, object{"node": "node-1", "status": status})
}

// adopted puts a Pod in place that install has not made.
func adopted(s *apiServer, name string, containers ...corev1.Container) {
	s.put("pods", &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{Containers: containers},
	})
}

func TestResolveTakesOneRoundTrip(t *testing.T) {
	server := newServer(t)
	installed(t, server, func(*builder.Spec) {})
	server.delay = 200 * time.Millisecond
	server.rounds.since()
	member, connection, err := server.client().Resolve(t.Context(), "buildkitd", cluster.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if trips := server.rounds.since(); trips != 1 {
		t.Errorf("it took %d round trips", trips)
	}
	if member.Pod != "buildkitd" || member.UID == "" || member.Container != "buildkitd" || member.Adopted || !member.Ready {
		t.Errorf("member: %+v", member)
	}
	if _, err := connection.TLS(); err != nil {
		t.Error(err)
	}
}

func TestResolveAdopts(t *testing.T) {
	container := func(name, image string) corev1.Container { return corev1.Container{Name: name, Image: image} }
	cases := map[string]struct {
		containers []corev1.Container
		want       string
	}{
		"by name":  {[]corev1.Container{container("a", "x"), container("buildkitd", "own:1")}, "buildkitd"},
		"by image": {[]corev1.Container{container("a", "x"), container("b", "mirror.local/moby/buildkit:v0.34.2-rootless")}, "b"},
		"only one": {[]corev1.Container{container("a", "x")}, "a"},
		"none":     {[]corev1.Container{container("a", "x"), container("b", "y")}, ""},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			server := newServer(t)
			adopted(server, "theirs", test.containers...)
			server.set("pods", "theirs", object{"status": object{"phase": "Running", "containerStatuses": []any{
				object{"name": test.want, "started": true, "state": object{"running": object{"startedAt": "2026-01-01T00:00:00Z"}}},
			}}})
			member, connection, err := server.client().Resolve(t.Context(), "theirs", cluster.Selection{})
			if test.want == "" {
				var notReady *cluster.NotReadyError
				if !errors.As(err, &notReady) || notReady.Reason != "NoContainer" {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || member.Container != test.want || !member.Adopted || connection != nil {
				t.Errorf("got %+v, %v, %v", member, connection, err)
			}
		})
	}
}

func TestResolveTakesNoMemberForABuilder(t *testing.T) {
	server := newServer(t)
	installed(t, server, func(s *builder.Spec) { s.Replicas = 2 })
	_, _, err := server.client().Resolve(t.Context(), "buildkitd-1", cluster.Selection{})
	var notFound *cluster.NotFoundError
	if !errors.As(err, &notFound) || !slices.Equal(notFound.Others, []string{"buildkitd"}) {
		t.Errorf("got %v", err)
	}
}

func TestResolveSaysWhyNot(t *testing.T) {
	as := func(target any) func(error) bool { return func(err error) bool { return errors.As(err, target) } }
	cases := map[string]struct {
		prepare func(t *testing.T, s *apiServer)
		is      func(error) bool
		says    string
	}{
		"nothing there": {
			func(t *testing.T, s *apiServer) {
				installed(t, s, func(spec *builder.Spec) { spec.Name = "other" })
			}, as(new(*cluster.NotFoundError)), `no builder "buildkitd" in namespace "team"; there are: other`,
		},
		"no namespace": {
			func(_ *testing.T, s *apiServer) {
				s.refuse = func(_ *http.Request, kind, name string) (int, metav1.StatusReason, string) {
					if kind == "namespaces" {
						return 404, metav1.StatusReasonNotFound, `namespaces "` + name + `" not found`
					}
					return 0, "", ""
				}
			}, as(new(*kube.NamespaceNotFoundError)), `no namespace "team"`,
		},
		"terminating": {
			func(t *testing.T, s *apiServer) {
				installed(t, s, func(*builder.Spec) {})
				s.set("pods", "buildkitd", object{"deletionTimestamp": "2026-01-01T00:00:00Z"})
			}, as(new(*cluster.TerminatingError)), "is terminating",
		},
		"image does not come": {
			func(t *testing.T, s *apiServer) {
				installed(t, s, func(*builder.Spec) {})
				s.set("pods", "buildkitd", waiting("ImagePullBackOff", "no such image"))
			}, as(new(*cluster.NotReadyError)), "not ready: ImagePullBackOff: no such image",
		},
		"not ready any more": {
			func(t *testing.T, s *apiServer) {
				installed(t, s, func(*builder.Spec) {})
				s.set("pods", "buildkitd", notReady("2026-01-01T01:00:00Z", true))
			}, as(new(*cluster.NotReadyError)), "NotReady",
		},
		"no Secret": {
			func(t *testing.T, s *apiServer) {
				installed(t, s, func(*builder.Spec) {})
				s.mu.Lock()
				s.removeLocked("secrets/buildkitd-client")
				s.mu.Unlock()
			}, as(new(*cluster.NotReadyError)), `Secret "buildkitd-client" is missing`,
		},
		"no Pod": {
			func(t *testing.T, s *apiServer) {
				installed(t, s, func(*builder.Spec) {})
				s.mu.Lock()
				s.removeLocked("pods/buildkitd")
				s.mu.Unlock()
			}, as(new(*cluster.NotReadyError)), `Pod "buildkitd" does not exist`,
		},
		"no permission": {
			func(t *testing.T, s *apiServer) {
				installed(t, s, func(*builder.Spec) {})
				s.refuse = forbid("secrets", "")
			}, as(new(*kube.ForbiddenError)), `user "jane" may not get secrets "buildkitd-client" in namespace "team"`,
		},
		"unknown user": {
			func(_ *testing.T, s *apiServer) {
				s.refuse = func(*http.Request, string, string) (int, metav1.StatusReason, string) {
					return 401, metav1.StatusReasonUnauthorized, "Unauthorized"
				}
			}, as(new(*kube.UnauthorizedError)), "does not accept these credentials",
		},
		"expired": {
			func(t *testing.T, s *apiServer) {
				objects, err := manifest.New(spec(), issue(t, time.Now().Add(-trust.Lifetime-time.Hour)))
				if err != nil {
					t.Fatal(err)
				}
				s.put("secrets", objects.Client)
				s.put("pods", objects.Pod)
				ready(s, "buildkitd")
			}, as(new(*cluster.ExpiredError)), "the certificates end on",
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			server := newServer(t)
			test.prepare(t, server)
			_, _, err := server.client().Resolve(t.Context(), "buildkitd", cluster.Selection{})
			if err == nil || !test.is(err) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %T: %v; want %q", err, err, test.says)
			}
		})
	}
}

func notReady(since string, started bool) object {
	return object{"status": object{
		"phase":      "Running",
		"conditions": []any{object{"type": "Ready", "status": "False", "lastTransitionTime": since}},
		"containerStatuses": []any{object{
			"name": "buildkitd", "started": started, "state": object{"running": object{"startedAt": "2026-01-01T00:00:00Z"}},
		}},
	}}
}

// A daemon may be asked before its probes have seen it: connecting shows whether it answers.
func TestResolveTakesAYoungMember(t *testing.T) {
	for name, state := range map[string]object{
		"before the startup probe":     notReady("2025-12-31T23:59:59Z", false),
		"before the readiness probe":   notReady("2025-12-31T23:59:59Z", true),
		"within the clock's precision": notReady("2026-01-01T00:00:01Z", true),
	} {
		server := newServer(t)
		installed(t, server, func(*builder.Spec) {})
		server.set("pods", "buildkitd", state)
		if member, _, err := server.client().Resolve(t.Context(), "buildkitd", cluster.Selection{}); err != nil || member.State != "Starting" {
			t.Errorf("%s: %+v, %v", name, member, err)
		}
	}
}

func TestResolveSaysWhetherWaitingMayHelp(t *testing.T) {
	ended := object{"terminated": object{"exitCode": 2, "reason": "Error"}}
	phase := func(phase string, state object) object {
		return object{"status": object{"phase": phase, "containerStatuses": []any{object{"name": "buildkitd", "state": state}}}}
	}
	for name, c := range map[string]struct {
		pod  object
		want bool
	}{
		"not scheduled yet":       {object{"status": object{"phase": "Pending"}}, true},
		"not ready any more":      {notReady("2026-01-01T01:00:00Z", true), true},
		"started again":           {phase("Running", ended), true},
		"never started again":     {phase("Failed", ended), false},
		"its image does not come": {waiting("ImagePullBackOff", "no such image"), false},
	} {
		server := newServer(t)
		installed(t, server, func(*builder.Spec) {})
		server.set("pods", "buildkitd", c.pod)
		_, _, err := server.client().Resolve(t.Context(), "buildkitd", cluster.Selection{})
		var notReady *cluster.NotReadyError
		if !errors.As(err, &notReady) || notReady.Starting != c.want {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

func TestUnreachableCluster(t *testing.T) {
	server := newServer(t)
	client := server.client()
	server.Close()
	_, _, err := client.Resolve(t.Context(), "buildkitd", cluster.Selection{})
	var unreachable *kube.UnreachableError
	if !errors.As(err, &unreachable) {
		t.Errorf("got %T: %v", err, err)
	}
}
