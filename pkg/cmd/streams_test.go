package cmd

import (
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// A next step that is pasted acts on the cluster of the command that printed it.
func TestNextStepsStayInTheirCluster(t *testing.T) {
	f := newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv)
	const next = "kubectl buildkit install b -n ns --yes; see kubectl describe pod b -n ns"
	if got := f.inThisCluster(next); got != next {
		t.Errorf("without flags: %q", got)
	}
	*f.flags.Context, *f.flags.Impersonate = "prod's", "jane"
	const want = `kubectl buildkit --context 'prod'\''s' install b -n ns --yes; see kubectl --context 'prod'\''s' describe pod b -n ns`
	if got := f.inThisCluster(next); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	const again = "kubectl buildkit --context prod install --yes"
	if got := f.inThisCluster(again); got != again {
		t.Errorf("a command line that names its context: %q", got)
	}
}
