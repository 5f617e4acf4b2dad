package install_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// An API server that fails once during a first install: what the install made goes, and the error
// says so. One that fails from then on: the error names what may be left. Another install goes on
// from there in both cases.
func TestInstallsThatMeetAnOutage(t *testing.T) {
	for name, test := range map[string]struct {
		kind    string
		forever bool
	}{
		"the first write":        {"configmaps", false},
		"a Secret":               {"secrets", false},
		"the Pod":                {"pods", false},
		"all from a Secret on":   {"secrets", true},
		"all from the Pod on":    {"pods", true},
		"all from the ConfigMap": {"configmaps", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := testcluster.New(t)
				server.OnPod(server.Run)
				failed := false
				server.Refuse(func(r *http.Request, kind, _ string) *metav1.Status {
					writes := r.Method != http.MethodGet && r.URL.Query().Get("dryRun") == ""
					if failed && test.forever || !failed && writes && kind == test.kind {
						failed = true
						return testcluster.Failure(502, metav1.StatusReasonInternalError, "x")
					}
					return nil
				})
				_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
				var (
					broken     *kube.ServerError
					incomplete *install.IncompleteError
				)
				if !errors.As(err, &broken) {
					t.Fatalf("got %v", err)
				}
				if !errors.As(err, &incomplete) || (len(incomplete.Remaining) > 0) != test.forever || len(incomplete.Removed)+len(incomplete.Remaining) == 0 {
					t.Errorf("got %+v", incomplete)
				}
				if names := server.Names(); !test.forever && len(names) > 0 {
					t.Errorf("left %v", names)
				}
				server.Refuse(nil)
				mustInstall(t, server, install.Keep)
			})
		})
	}
}

// A server that restarts while an install waits for its Pod ends nothing.
func TestInstallOutlastsARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		down := make(chan struct{})
		server.OnPod(func(pod string) {
			go func() {
				time.Sleep(time.Second)
				server.Down(testcluster.ErrRefused())
				time.Sleep(20 * time.Second)
				server.Down(nil)
				server.Run(pod)
				close(down)
			}()
		})
		outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
		<-down
		if err != nil || outcome.Change != install.Created {
			t.Errorf("%v, %v", outcome.Change, err)
		}
		if all := strings.Join(server.Names(), " "); all != strings.Join(whole(), " ") {
			t.Errorf("there is %s", all)
		}
	})
}
