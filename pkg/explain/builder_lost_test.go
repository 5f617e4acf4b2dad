package explain

import (
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// What helps after a loss is what removes its cause; building again is for losses that have passed.
func TestLossesHaveTheirOwnNextSteps(t *testing.T) {
	lost := &solve.LostError{Cause: errors.New("connection reset")}
	denied := &kube.UnauthorizedError{Host: "https://cluster", Err: errors.New("Unauthorized")}
	for name, c := range map[string]struct {
		adopted   bool
		after     error
		diagnosis cluster.Diagnosis
		next      string
		code      int
	}{
		"the link":             {false, nil, cluster.Diagnosis{Cause: cluster.CauseNone}, "build again", CodeNoBuilder},
		"the user is unknown":  {false, denied, cluster.Diagnosis{}, "log in to the cluster again", CodeDenied},
		"memory":               {false, nil, cluster.Diagnosis{Cause: cluster.CauseOOMKilled, Over: true}, "--limit memory", CodeNoBuilder},
		"deleted, and unknown": {false, denied, cluster.Diagnosis{Cause: cluster.CauseDeleted, Over: true}, "kubectl buildkit install", CodeNoBuilder},
		"the node":             {false, nil, cluster.Diagnosis{Cause: cluster.CauseNodeLost}, "install buildkitd -n team --force", CodeNoBuilder},
		"another's node":       {true, nil, cluster.Diagnosis{Cause: cluster.CauseNodeLost}, "see to Pod buildkitd", CodeNoBuilder},
	} {
		t.Run(name, func(t *testing.T) {
			member := cluster.Member{Builder: "buildkitd", Namespace: "team", Pod: "buildkitd", Adopted: c.adopted}
			got := Error(&driver.LostError{Member: member, Diagnosis: c.diagnosis, Lost: lost, After: c.after})
			if !strings.Contains(got.Next, c.next) || got.Code != c.code {
				t.Errorf("next %q with code %d, want %q with %d", got.Next, got.Code, c.next, c.code)
			}
		})
	}
}
