package solve

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func failing(err error) func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
	return func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		time.Sleep(50 * time.Millisecond)
		return nil, err
	}
}

func inSource(err error) error {
	return errdefs.WithSource(err, &errdefs.Source{
		Info:   &pb.SourceInfo{Filename: "Dockerfile", Data: []byte("FROM scratch\nRUN make\n")},
		Ranges: []*pb.Range{{Start: &pb.Position{Line: 2}, End: &pb.Position{Line: 2}}},
	})
}

func TestFailedStep(t *testing.T) {
	cause := &gateway.ExitError{ExitCode: 3, Err: errors.New(`process "make" did not complete successfully: exit code: 3`)}
	_, _, err := ask(t.Context(), t, failing(inSource(errdefs.WrapVertex(cause, digest.FromString("step")))))
	var failed *FailedStepError
	if !errors.As(err, &failed) {
		t.Fatalf("got %#v", err)
	}
	if failed.Step != stepName || failed.ExitCode != 3 {
		t.Errorf("got %+v", failed)
	}
	if want := `step "[2/2] RUN make" failed: process "make" did not complete successfully: exit code: 3`; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	var lines bytes.Buffer
	if err := PrintSources(&lines, err); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(lines.String(), ">>> RUN make") {
		t.Errorf("got %q", lines.String())
	}
}

func TestStepWithoutProgram(t *testing.T) {
	_, _, err := ask(t.Context(), t, failing(errdefs.WrapVertex(errors.New(`"/x": not found`), digest.FromString("other"))))
	var failed *FailedStepError
	if !errors.As(err, &failed) || failed.ExitCode != -1 || failed.Step != "" || err.Error() != `"/x": not found` {
		t.Errorf("got %#v", err)
	}
}

func TestSyntax(t *testing.T) {
	_, _, err := ask(t.Context(), t, failing(inSource(errors.New("dockerfile parse error on line 2: unknown instruction: RUNN"))))
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || !strings.HasPrefix(err.Error(), "dockerfile parse error") {
		t.Errorf("got %#v", err)
	}
}

func TestOtherError(t *testing.T) {
	_, _, err := ask(t.Context(), t, failing(errors.New("no space left on device")))
	var build *BuildError
	if !errors.As(err, &build) || err.Error() != "no space left on device" {
		t.Errorf("got %#v", err)
	}
}

// TestFailureBeforeLoss proves that a step which failed is told, though the
// connection broke right after.
func TestFailureBeforeLoss(t *testing.T) {
	d := &Daemon{link: newLink()}
	d.link.note(errors.New("evicted"))
	step := errdefs.WrapVertex(errors.New("exit code: 1"), digest.FromString("step"))
	if got := d.lost(step); got != nil {
		t.Errorf("got %v", got)
	}
	if got := d.lost(inSource(errors.New("unknown instruction"))); got != nil {
		t.Errorf("got %v", got)
	}
	if got := d.lost(errors.New("error reading from server: EOF")); got == nil {
		t.Error("the loss is not told")
	}
}

func TestWordsOfLoss(t *testing.T) {
	for text, want := range map[string]string{
		"failed to solve: rpc error: code = Unavailable desc = error reading from server: EOF": "error reading from server: EOF",
	} {
		d := &Daemon{link: newLink()}
		got := d.lost(status.Error(codes.Unavailable, text))
		if got == nil || !strings.HasSuffix(got.Error(), ": "+want) {
			t.Errorf("got %v, want %q", got, want)
		}
	}
}
