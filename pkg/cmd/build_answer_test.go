package cmd

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
)

func TestPrintAnswer(t *testing.T) {
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	f := newFactory(streams, noEnv)
	built := result.New("", "", map[string]string{"result.txt": "TARGET\n", "result.statuscode": "1"})
	if err := f.printAnswer(built, &request.Evaluation{Name: "outline", IgnoreStatus: true}); err != nil || out.String() != "TARGET\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	err := f.printAnswer(built, &request.Evaluation{Name: "outline"})
	if told := explain.Error(err); told.Code != explain.CodeFailed || told.Text != "" {
		t.Errorf("what is wrong is said twice: %+v", told)
	}
}

func TestStackIsShown(t *testing.T) {
	streams, _, _, errOut := genericiooptions.NewTestIOStreams()
	newFactory(streams, noEnv).printStack(errors.New("broken"))
	if !strings.Contains(errOut.String(), "broken") {
		t.Errorf("got %q", errOut.String())
	}
}

// --quiet prints the ID of an image that is here or stays in the builder, as docker does, and the
// reference of a pushed one.
func TestQuietAnswer(t *testing.T) {
	const manifest, settings = "sha256:1111111111111111111111111111111111111111111111111111111111111111", "sha256:2222222222222222222222222222222222222222222222222222222222222222"
	response := map[string]string{"containerimage.digest": manifest, "containerimage.config.digest": settings}
	for name, c := range map[string]struct {
		pushed string
		mode   progress.Mode
		want   string
	}{
		"quiet":         {"", progress.Quiet, settings},
		"quiet, pushed": {"r.io/a:1", progress.Quiet, "r.io/a:1@" + manifest},
		"plain":         {"", progress.Plain, manifest},
	} {
		streams, _, out, _ := genericiooptions.NewTestIOStreams()
		if err := newFactory(streams, noEnv).answer(&driver.Built{Result: result.New("ref", c.pushed, response)}, c.mode); err != nil || out.String() != c.want+"\n" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}
