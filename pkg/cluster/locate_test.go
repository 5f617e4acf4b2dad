package cluster_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// adopted puts a Pod in place that install has not made.
func adopted(s *testcluster.Cluster, name string, containers ...corev1.Container) {
	s.Put("pods", &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{Containers: containers},
	})
}

func TestResolveTakesOneRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		server.Install(builder.Spec{})
		server.Delay = 200 * time.Millisecond
		server.Rounds()
		member, connection, err := resolve(t, clientOf(t, server), "buildkitd", cluster.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		if trips := server.Rounds(); trips != 1 {
			t.Errorf("it took %d round trips", trips)
		}
		if member.Pod != "buildkitd" || member.UID == "" || member.Container != "buildkitd" || member.Adopted || !member.Ready {
			t.Errorf("member: %+v", member)
		}
		if _, err := connection.TLS(); err != nil {
			t.Error(err)
		}
	})
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
			server := testcluster.New(t)
			adopted(server, "theirs", test.containers...)
			server.Set("pods", "theirs", object{"status": object{"phase": "Running", "containerStatuses": []any{
				object{"name": test.want, "started": true, "state": object{"running": object{"startedAt": "2026-01-01T00:00:00Z"}}},
			}}})
			member, connection, err := resolve(t, clientOf(t, server), "theirs", cluster.Selection{})
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
	server := testcluster.New(t)
	server.Install(builder.Spec{Replicas: 2})
	_, _, err := resolve(t, clientOf(t, server), "buildkitd-1", cluster.Selection{})
	var notFound *cluster.NotFoundError
	if !errors.As(err, &notFound) || !slices.Equal(notFound.Others, []string{"buildkitd"}) {
		t.Errorf("got %v", err)
	}
}

func TestResolveSaysWhyNot(t *testing.T) {
	as := func(target any) func(error) bool { return func(err error) bool { return errors.As(err, target) } }
	cases := map[string]struct {
		prepare func(t *testing.T, s *testcluster.Cluster)
		is      func(error) bool
		says    string
	}{
		"nothing there": {
			func(t *testing.T, s *testcluster.Cluster) {
				s.Install(builder.Spec{Name: "other"})
			}, as(new(*cluster.NotFoundError)), `no builder "buildkitd" in namespace "team"; there are: other`,
		},
		"no namespace": {
			func(_ *testing.T, s *testcluster.Cluster) {
				s.Refuse(func(_ *http.Request, kind, name string) *metav1.Status {
					if kind == "namespaces" {
						return testcluster.Failure(404, metav1.StatusReasonNotFound, `namespaces "`+name+`" not found`)
					}
					return nil
				})
			}, as(new(*kube.NamespaceNotFoundError)), `no namespace "team"`,
		},
		"terminating": {
			func(t *testing.T, s *testcluster.Cluster) {
				s.Install(builder.Spec{})
				s.Terminating("buildkitd")
			}, as(new(*cluster.TerminatingError)), "is terminating",
		},
		"image does not come": {
			func(t *testing.T, s *testcluster.Cluster) {
				s.Install(builder.Spec{})
				s.Set("pods", "buildkitd", testcluster.Waiting("ImagePullBackOff", "no such image"))
			}, as(new(*cluster.NotReadyError)), "not ready: ImagePullBackOff: no such image",
		},
		"not ready any more": {
			func(t *testing.T, s *testcluster.Cluster) {
				s.Install(builder.Spec{})
				s.Set("pods", "buildkitd", notReady("2026-01-01T01:00:00Z", true))
			}, as(new(*cluster.NotReadyError)), "NotReady",
		},
		"no Secret": {
			func(t *testing.T, s *testcluster.Cluster) {
				s.Install(builder.Spec{})
				s.Delete("secrets", "buildkitd-client")
			}, as(new(*cluster.NotReadyError)), `Secret "buildkitd-client" is missing`,
		},
		"no Pod": {
			func(t *testing.T, s *testcluster.Cluster) {
				s.Install(builder.Spec{})
				s.Delete("pods", "buildkitd")
			}, as(new(*cluster.NotReadyError)), `Pod "buildkitd" does not exist`,
		},
		"no permission": {
			func(t *testing.T, s *testcluster.Cluster) {
				s.Install(builder.Spec{})
				s.Refuse(testcluster.Forbidding("secrets", ""))
			}, as(new(*kube.ForbiddenError)), `user "jane" may not get secrets "buildkitd-client" in namespace "team"`,
		},
		"unknown user": {
			func(_ *testing.T, s *testcluster.Cluster) {
				s.Refuse(func(*http.Request, string, string) *metav1.Status {
					return testcluster.Failure(401, metav1.StatusReasonUnauthorized, "Unauthorized")
				})
			}, as(new(*kube.UnauthorizedError)), "does not accept these credentials",
		},
		"expired": {
			func(t *testing.T, s *testcluster.Cluster) {
				s.InstallWith(spec(), testcluster.Issue(t, time.Now().Add(-trust.Lifetime-time.Hour)))
			}, as(new(*cluster.ExpiredError)), "the certificates end on",
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			server := testcluster.New(t)
			test.prepare(t, server)
			_, _, err := resolve(t, clientOf(t, server), "buildkitd", cluster.Selection{})
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
		server := testcluster.New(t)
		server.Install(builder.Spec{})
		server.Set("pods", "buildkitd", state)
		if member, _, err := resolve(t, clientOf(t, server), "buildkitd", cluster.Selection{}); err != nil || member.State != "Starting" {
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
		"its image does not come": {testcluster.Waiting("ImagePullBackOff", "no such image"), false},
	} {
		server := testcluster.New(t)
		server.Install(builder.Spec{})
		server.Set("pods", "buildkitd", c.pod)
		_, _, err := resolve(t, clientOf(t, server), "buildkitd", cluster.Selection{})
		var notReady *cluster.NotReadyError
		if !errors.As(err, &notReady) || notReady.Starting != c.want {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

func TestUnreachableCluster(t *testing.T) {
	server := testcluster.New(t)
	client := clientOf(t, server)
	server.Close()
	_, _, err := resolve(t, client, "buildkitd", cluster.Selection{})
	var unreachable *kube.UnreachableError
	if !errors.As(err, &unreachable) {
		t.Errorf("got %T: %v", err, err)
	}
}
