package cluster_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
)

// The kubelet starts the daemon again while its log is asked for: what the new one prints is not why the former one ended.
func TestExplainWhileTheDaemonIsStartedAgain(t *testing.T) {
	server := newServer(t)
	installed(t, server, func(*builder.Spec) {})
	client := server.client()
	member, _, err := client.Resolve(t.Context(), "buildkitd", cluster.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	server.set("pods", "buildkitd", object{"status": podStatus(object{"terminated": object{"exitCode": 2, "reason": "Error"}})})
	restarted := false
	server.refuse = func(r *http.Request, _, _ string) (int, metav1.StatusReason, string) {
		if !strings.HasSuffix(r.URL.Path, "/log") {
			return 0, "", ""
		}
		former := r.URL.Query().Get("previous") == "true"
		if former && !restarted {
			restarted = true
			return http.StatusBadRequest, metav1.StatusReasonBadRequest, "previous terminated container not found"
		}
		server.logs = "running server on 127.0.0.1:1234\n"
		if former {
			server.logs = "SIGABRT: abort\n"
		}
		return 0, "", ""
	}
	diagnosis, err := client.Explain(t.Context(), member)
	if want := []string{"SIGABRT: abort"}; err != nil || !slices.Equal(diagnosis.Logs, want) {
		t.Errorf("%q (%v), want %q", diagnosis.Logs, err, want)
	}
}
