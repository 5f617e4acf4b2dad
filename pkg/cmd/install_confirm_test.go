package cmd

import (
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
)

// Each difference is a line, and no value can forge another one.
func TestDifferencesAreLines(t *testing.T) {
	streams, _, _, errOut := genericiooptions.NewTestIOStreams()
	c := &confirmation{f: newFactory(streams, noEnv), dry: true}
	plan := install.Plan{Name: "n", Namespace: "ns", Differences: []builder.Difference{
		{Name: "limit", Gone: []string{"memory=2Gi"}, New: []string{"memory=4Gi"}},
		{Name: "env", New: []string{"A=1\n  - storage: 1Gi"}},
	}}
	if err := c.ask(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(errOut.String(), "\n"), "\n")
	if len(lines) < 3 {
		t.Fatalf("the differences are not on lines of their own:\n%s", errOut)
	}
	for _, line := range lines[1:] {
		if strings.Contains(line, "storage") && !strings.Contains(line, "env") {
			t.Errorf("a value made the line %q", line)
		}
		if strings.Contains(line, "memory=2Gi") && strings.Contains(line, "env") {
			t.Errorf("two differences stand in the line %q", line)
		}
	}
}
