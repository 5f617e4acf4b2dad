package cluster_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// The kubelet starts the daemon again while its log is asked for: what the new one prints is not why the former one ended.
func TestExplainWhileTheDaemonIsStartedAgain(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{})
	client := clientOf(t, server)
	member, _, err := client.Resolve(t.Context(), "buildkitd", cluster.Selection{})
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
