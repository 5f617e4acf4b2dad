package cmd

import (
	"strings"
	"syscall"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// A next step that is pasted acts on the cluster of the command that printed it.
func TestNextStepsStayInTheirCluster(t *testing.T) {
	f := newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv)
	const next = "kubectl buildkit install b -n ns --yes; see kubectl describe pod b -n ns"
	if got := f.pasteable(next); got != next {
		t.Errorf("without flags: %q", got)
	}
	*f.flags.Context, *f.flags.Impersonate = "prod's", "jane"
	const want = `kubectl buildkit --context 'prod'\''s' install b -n ns --yes; see kubectl --context 'prod'\''s' describe pod b -n ns`
	if got := f.pasteable(next); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	const again = "kubectl buildkit --context prod install --yes"
	if got := f.pasteable(again); got != again {
		t.Errorf("a command line that names its context: %q", got)
	}

	*f.flags.Namespace, f.builderName = "of team", "arm"
	const inNamespace = `kubectl buildkit --context 'prod'\''s' history list --builder arm -n 'of team'`
	if got := f.pasteable("kubectl buildkit history list"); got != inNamespace {
		t.Errorf("got  %s\nwant %s", got, inNamespace)
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// What was printed and has not arrived is a failure, whatever command printed it.
func TestFullDiskIsNoSuccess(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"build", "--help"}, {"help", "install"}, {"version"}, {"completion"}, {"options"}, {"install", "--dry-run=client", "-o", "yaml"}} {
		errors := &strings.Builder{}
		code := Run(t.Context(), args, genericiooptions.IOStreams{In: strings.NewReader(""), Out: fullDisk{}, ErrOut: errors}, noEnv)
		if code != explain.CodeFailed || !strings.Contains(errors.String(), "no space left on device") {
			t.Errorf("%q: exit %d, %s", args, code, errors)
		}
	}
}
