package solve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

func failing(err error) func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
	return func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
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
	if want := "[2/2] ended with exit code 3 (Dockerfile:2)"; err.Error() != want {
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

func TestBuildThatBeganTooLateIsTriedAgain(t *testing.T) {
	for text, again := range map[string]bool{"no such job abc": true, "no such image": false} {
		_, _, err := ask(t.Context(), t, failing(status.Error(codes.NotFound, text)))
		var lost *LostError
		if errors.As(err, &lost) != again {
			t.Errorf("%s: got %#v", text, err)
		}
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
	_, _, err := ask(t.Context(), t, failing(errors.New("no builder for that platform")))
	var build *BuildError
	if !errors.As(err, &build) || err.Error() != "no builder for that platform" {
		t.Errorf("got %#v", err)
	}
}

// TestFullDisk proves that the daemon's disk is told from what a step's program says, and from the
// disks of this machine.
func TestFullDisk(t *testing.T) {
	step := func(err error) error { return errdefs.WrapVertex(err, digest.FromString("step")) }
	program := func(code uint32, end string) error {
		return step(&gateway.ExitError{ExitCode: code, Err: errors.New(`process "/bin/sh -c : no space left on device" did not complete successfully: ` + end)})
	}
	out := t.TempDir()
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"the context":           {errors.New("failed to receive: write /var/lib/buildkit/x: no space left on device"), true},
		"a step's files":        {step(errors.New("failed to copy: write /var/lib/buildkit/x: no space left on device")), true},
		"a program's container": {program(gateway.UnknownExitStatus, "mkdir /run/x: no space left on device"), true},
		"a program":             {program(1, "exit code: 1"), false},
		"a Dockerfile":          {inSource(errors.New("dockerfile parse error on line 2: unknown instruction: no space left on device")), false},
		"docker":                {errors.New("failed to copy to tar: loading the image into docker: exit status 1: no space left on device"), false},
		"a registry":            {errors.New(`failed to push registry.example.com/app: unexpected status from PUT request: 500: no space left on device`), false},
		"an output":             {fmt.Errorf("error from receiver: write %s/.out/x: no space left on device", out), false},
	} {
		t.Run(name, func(t *testing.T) {
			daemon := (&fakeDaemon{solve: failing(test.err)}).start(t, nil)
			req := requestFor(t, t.TempDir(), request.Output{Outputs: []string{"type=tar,dest=" + filepath.Join(out, "x.tar")}})
			_, err := build(t.Context(), daemon.mustConnect(t), req, &recorder{})
			var full *FullDiskError
			if errors.As(err, &full) != test.want {
				t.Errorf("got %#v", err)
			}
		})
	}
}

// TestFailureBeforeLoss proves that a step which failed is told, though the
// connection broke right after.
func TestFailureBeforeLoss(t *testing.T) {
	d := &Daemon{state: newConnState()}
	d.state.recordError(errors.New("evicted"))
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
		d := &Daemon{state: newConnState()}
		got := d.lost(status.Error(codes.Unavailable, text))
		if got == nil || !strings.HasSuffix(got.Error(), ": "+want) {
			t.Errorf("got %v, want %q", got, want)
		}
	}
}

// A step's command is not repeated in the line of the error, however long it is.
func TestFailedStepsAreShort(t *testing.T) {
	long := "RUN <<EOF (" + strings.Repeat("echo x;", 50) + "\nmore\nEOF"
	for want, failed := range map[string]*FailedStepError{
		"[test-api 1/1] ended with exit code 1":         {Step: "[test-api 1/1] " + long, ExitCode: 1},
		long[:60] + "… ended with exit code 1":          {Step: long, ExitCode: 1},
		`step "[2/2] COPY a b" failed: "/a": not found`: {Step: "[2/2] COPY a b", ExitCode: -1, Cause: errors.New(`failed to solve: "/a": not found`)},
		"exit code: 1": {ExitCode: 1, Cause: errors.New("exit code: 1")},
	} {
		if got := failed.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
