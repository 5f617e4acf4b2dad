package cluster_test

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
)

func TestExplain(t *testing.T) {
	cases := map[string]struct {
		happens func(s *testcluster.Cluster)
		cause   cluster.Cause
		says    string
	}{
		"deleted": {func(s *testcluster.Cluster) {
			s.Delete("pods", "buildkitd")
		}, cluster.CauseDeleted, `Pod "buildkitd" is gone`},
		"a moment later": {func(s *testcluster.Cluster) {
			time.AfterFunc(500*time.Millisecond, func() {
				s.Terminating("buildkitd")
			})
		}, cluster.CauseTerminating, "being deleted"},
		"evicted, after its container": {func(s *testcluster.Cluster) {
			gone := testcluster.Status(object{"terminated": object{"exitCode": 137, "reason": "ContainerStatusUnknown"}})
			s.Set("pods", "buildkitd", object{"status": gone})
			time.AfterFunc(500*time.Millisecond, func() {
				s.Set("pods", "buildkitd", object{"status": object{"phase": "Failed", "reason": "Evicted", "message": "disk"}})
			})
		}, cluster.CauseEvicted, "Evicted: disk"},
		"nothing": {func(*testcluster.Cluster) {}, cluster.CauseNone, `runs on node "node-1"`},
		"crashed": {func(s *testcluster.Cluster) {
			s.Set("pods", "buildkitd", object{"status": testcluster.Status(object{"terminated": object{"exitCode": 2, "reason": "Error"}})})
		}, cluster.CauseExited, "exit code 2"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := testcluster.New(t)
				server.Log("panic: out of luck\n")
				server.Install(builder.Spec{})
				client := clientOf(t, server)
				member, _, err := resolve(t, client, "buildkitd", cluster.Selection{})
				if err != nil {
					t.Fatal(err)
				}
				test.happens(server)
				diagnosis, err := client.Explain(t.Context(), member)
				if err != nil || diagnosis.Cause != test.cause || !strings.Contains(diagnosis.Message, test.says) {
					t.Errorf("got %+v, %v", diagnosis, err)
				}
				if test.cause == cluster.CauseExited && !slices.Equal(diagnosis.Logs, []string{"panic: out of luck"}) {
					t.Errorf("logs: %q", diagnosis.Logs)
				}
			})
		})
	}
}

// The kubelet starts the daemon again while its log is asked for: what the new one prints is not
// why the former one ended.
func TestExplainWhileTheDaemonIsStartedAgain(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{})
	client := clientOf(t, server)
	member, _, err := resolve(t, client, "buildkitd", cluster.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	server.Set("pods", "buildkitd", object{"status": testcluster.Status(object{"terminated": object{"exitCode": 2, "reason": "Error"}})})
	restarted := false
	server.Refuse(func(r *http.Request, _, _ string) *metav1.Status {
		if !strings.HasSuffix(r.URL.Path, "/log") {
			return nil
		}
		former := r.URL.Query().Get("previous") == "true"
		if former && !restarted {
			restarted = true
			return testcluster.Failure(http.StatusBadRequest, metav1.StatusReasonBadRequest, "previous terminated container not found")
		}
		server.Log("running server on 127.0.0.1:1234\n")
		if former {
			server.Log("SIGABRT: abort\n")
		}
		return nil
	})
	diagnosis, err := client.Explain(t.Context(), member)
	if want := []string{"SIGABRT: abort"}; err != nil || !slices.Equal(diagnosis.Logs, want) {
		t.Errorf("%q (%v), want %q", diagnosis.Logs, err, want)
	}
}
