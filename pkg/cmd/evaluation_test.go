package cmd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

func TestPrintAnswer(t *testing.T) {
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	f := newFactory(streams, noEnv)
	built := result.New("", "", map[string]string{"result.txt": "TARGET\n", "result.statuscode": "1"})
	if err := f.printAnswer(built, &request.Evaluation{Name: "outline", IgnoreStatus: true}); err != nil || out.String() != "TARGET\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	err := f.printAnswer(built, &request.Evaluation{Name: "outline"})
	if told := explain(t.Context(), err); told.code != exitFailed || told.text != "" {
		t.Errorf("what is wrong is said twice: %+v", told)
	}
}

func TestTraceIsAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	target, err := safefile.NewTarget(path, safefile.TargetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		file, err := openTrace(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "xx" {
		t.Errorf("got %q, %v", text, err)
	}
	if file, err := openTrace(t.Context(), nil); err != nil || file.Close() != nil {
		t.Errorf("no trace: %v", err)
	}
}

func TestStackIsShown(t *testing.T) {
	streams, _, _, errOut := genericiooptions.NewTestIOStreams()
	newFactory(streams, noEnv).printStack(errors.New("broken"))
	if !strings.Contains(errOut.String(), "broken") {
		t.Errorf("got %q", errOut.String())
	}
}
