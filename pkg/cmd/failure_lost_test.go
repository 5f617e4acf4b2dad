package cmd

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
		"the link":             {false, nil, cluster.Diagnosis{Cause: cluster.CauseNone}, "build again", exitNoBuilder},
		"the user is unknown":  {false, denied, cluster.Diagnosis{}, "log in to the cluster again", exitDenied},
		"memory":               {false, nil, cluster.Diagnosis{Cause: cluster.CauseOOMKilled, Over: true}, "--limit memory", exitNoBuilder},
		"deleted, and unknown": {false, denied, cluster.Diagnosis{Cause: cluster.CauseDeleted, Over: true}, "kubectl buildkit install", exitNoBuilder},
		"the node":             {false, nil, cluster.Diagnosis{Cause: cluster.CauseNodeLost}, "install buildkitd -n team --force", exitNoBuilder},
		"another's node":       {true, nil, cluster.Diagnosis{Cause: cluster.CauseNodeLost}, "see to Pod buildkitd", exitNoBuilder},
	} {
		t.Run(name, func(t *testing.T) {
			member := cluster.Member{Builder: "buildkitd", Namespace: "team", Pod: "buildkitd", Adopted: c.adopted}
			got := explainLost(&driver.LostError{Member: member, Diagnosis: c.diagnosis, Lost: lost, After: c.after})
			if !strings.Contains(got.next, c.next) || got.code != c.code {
				t.Errorf("next %q with code %d, want %q with %d", got.next, got.code, c.next, c.code)
			}
		})
	}
}
