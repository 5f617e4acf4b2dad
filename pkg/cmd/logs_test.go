package cmd

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

func TestLogsFlagsReachTheOptions(t *testing.T) {
	var got *logsOptions
	parse(t, newLogsCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), func(_ context.Context, o *logsOptions) error {
		got = o
		return nil
	}), "team", "-f", "-p", "--timestamps", "--tail", "3", "--since", "2m")
	want := logsOptions{builder: "team", LogOptions: cluster.LogOptions{Follow: true, Previous: true, Timestamps: true, Tail: 3, Since: 2 * time.Minute}}
	if *got != want {
		t.Errorf("got %+v", got)
	}
}

// The text of a log is another's, and there is nothing of its reader's in it.
func TestLogsAreEscaped(t *testing.T) {
	t.Setenv("KUBECONFIG", fakeAPI(t, map[string]string{
		"pods": `{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[
			{"metadata":{"name":"foreign","namespace":"team","uid":"u"},"spec":{"containers":[{"name":"buildkitd","image":"moby/buildkit:master"}]}}]}`,
		"foreign":      `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"foreign","namespace":"team","uid":"u"},"spec":{"containers":[{"name":"buildkitd","image":"moby/buildkit:master"}]}}`,
		"statefulsets": `{"kind":"StatefulSetList","apiVersion":"apps/v1","metadata":{},"items":[]}`,
		"configmaps":   `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[]}`,
		"log":          noLines(hostile), "foreign-client": "", "foreign-server": "", "foreign-config": "",
	}))
	stdout, stderr, code := call(t, "logs", "foreign")
	if at := strings.IndexFunc(stdout, controls); code != explain.CodeOK || at >= 0 || !strings.Contains(stdout, "app") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}
