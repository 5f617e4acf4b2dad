package cmd

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

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
	if told := explain(t.Context(), err); told.code != exitFailed || told.text != "" {
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
