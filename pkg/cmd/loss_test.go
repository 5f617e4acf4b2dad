package cmd

import (
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// What helps after a loss is what removes its cause; building again is for losses that have passed.
func TestLossesHaveTheirOwnNextSteps(t *testing.T) {
	lost := &solve.LostError{Cause: errors.New("connection reset")}
	denied := &cluster.UnauthorizedError{Host: "https://cluster", Err: errors.New("Unauthorized")}
	for name, c := range map[string]struct {
		after     error
		diagnosis cluster.Diagnosis
		next      string
		code      int
	}{
		"the link":             {nil, cluster.Diagnosis{Cause: cluster.CauseNone}, "build again", exitNoBuilder},
		"the user is unknown":  {denied, cluster.Diagnosis{}, "log in to the cluster again", exitDenied},
		"memory":               {nil, cluster.Diagnosis{Cause: cluster.CauseOOMKilled, Over: true}, "--limit memory", exitNoBuilder},
		"deleted, and unknown": {denied, cluster.Diagnosis{Cause: cluster.CauseDeleted, Over: true}, "kubectl buildkit install", exitNoBuilder},
	} {
		t.Run(name, func(t *testing.T) {
			member := cluster.Member{Builder: "buildkitd", Namespace: "team", Pod: "buildkitd"}
			got := explainLost(&lostError{member: member, diagnosis: c.diagnosis, lost: lost, after: c.after})
			if !strings.Contains(got.next, c.next) || got.code != c.code {
				t.Errorf("next %q with code %d, want %q with %d", got.next, got.code, c.next, c.code)
			}
		})
	}
}
