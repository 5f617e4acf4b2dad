package explain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// Errors of libraries that no package has given a type have an exit code as well, and a type that
// wraps one keeps it.
func TestForeignErrorsHaveACode(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"text":                    {errors.New("x"), CodeFailed},
		"canceled context":        {context.Canceled, CodeInterrupted},
		"ended context":           {context.DeadlineExceeded, CodeFailed},
		"forbidden":               {apierrors.NewForbidden(pods, "p", errors.New("x")), CodeDenied},
		"unauthorized":            {apierrors.NewUnauthorized("x"), CodeDenied},
		"API server out of order": {apierrors.NewServiceUnavailable("x"), CodeNoBuilder},
		"API server overloaded":   {apierrors.NewTooManyRequests("x", 1), CodeNoBuilder},
		"API server too slow":     {apierrors.NewTimeoutError("x", 1), CodeNoBuilder},
		"not found":               {apierrors.NewNotFound(pods, "p"), CodeFailed},
		"conflict":                {apierrors.NewConflict(pods, "p", errors.New("x")), CodeFailed},
		"daemon out of reach":     {status.Error(codes.Unavailable, "x"), CodeNoBuilder},
		"daemon's answer":         {status.Error(codes.InvalidArgument, "x"), CodeFailed},
		"in a type of ours":       {&driver.PreflightError{Err: apierrors.NewUnauthorized("x")}, CodeDenied},
		"beside a type of ours":   {errors.Join(context.Canceled, &solve.SyntaxError{Cause: errors.New("x")}), CodeFailed},
	} {
		for _, err := range []error{test.err, fmt.Errorf("asking: %w", test.err)} {
			if report := Error(err); report.Code != test.want || report.Text != err.Error() {
				t.Errorf("%s: got %d, %q, want %d", name, report.Code, report.Text, test.want)
			}
		}
	}
}

// Each class has its own exit code, and the class of an error follows from its causes where it only
// adds to them.
func TestCodesFollowClasses(t *testing.T) {
	for class, want := range map[fault.Class]int{
		fault.Usage: CodeUsage, fault.Denied: CodeDenied, fault.Unavailable: CodeNoBuilder, fault.Failed: CodeFailed, fault.Interrupted: CodeInterrupted,
		fault.Unknown: CodeFailed,
	} {
		if got := Error(errors.Join(&checkup.FailedError{Names: []string{"a"}, Total: 2, First: class})); got.Code != want || got.Text != "1 of 2 checks failed: a" {
			t.Errorf("%q: got %+v, want the code %d", class, got, want)
		}
	}
	denied := &kube.ForbiddenError{Verb: "get", Resource: "pods"}
	lost := &solve.LostError{Cause: &tunnel.LostError{Pod: "p"}}
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"a build that failed":                        {&driver.BuildError{Err: &solve.SyntaxError{Cause: errors.New("x")}}, CodeFailed},
		"a build whose builder was lost":             {&driver.BuildError{Err: &driver.LostError{Lost: lost}}, CodeNoBuilder},
		"a build whose user was locked out":          {&driver.BuildError{Err: &driver.LostError{Lost: lost, After: denied}}, CodeDenied},
		"a build ended by its caller":                {&solve.CanceledError{Cause: context.Canceled}, CodeInterrupted},
		"a build ended because a registry denies it": {&solve.CanceledError{Cause: denied}, CodeDenied},
		"a build ended by a refusal":                 {&solve.CanceledError{Cause: errors.Join(context.Canceled, denied)}, CodeDenied},
		"a start that is not permitted":              {&install.StartError{Err: denied}, CodeDenied},
		"a build ended for another reason":           {&solve.CanceledError{Cause: errors.New("x")}, CodeFailed},
		"members of which the first is denied":       {&driver.NoAnswerError{Members: 3, Silent: []driver.NoAnswer{{Err: denied}, {Err: lost}}}, CodeDenied},
		"a Secret that may not be read":              {&driver.ClusterSecretError{Err: denied}, CodeDenied},
		"a Secret of a cluster that does not answer": {&driver.ClusterSecretError{Err: &kube.UnreachableError{Err: errors.New("x")}}, CodeNoBuilder},
		"a Secret without credentials":               {&driver.ClusterSecretError{Err: errors.New("x")}, CodeUsage},
	} {
		if got := Error(test.err); got.Code != test.want {
			t.Errorf("%s: got %d, want %d", name, got.Code, test.want)
		}
	}
}

func TestInterruptWinsOverItsConsequences(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if got := Ended(ctx, &tunnel.LostError{Pod: "p"}); got.Code != CodeNoBuilder {
		t.Errorf("before the interrupt: %+v", got)
	}
	cancel()
	if got := Ended(ctx, &tunnel.LostError{Pod: "p"}); got != (Report{Text: "interrupted", Code: CodeInterrupted}) {
		t.Errorf("got %+v", got)
	}
	piped, end := context.WithCancelCause(t.Context())
	end(syscall.EPIPE)
	for name, got := range map[string]Report{
		"reader of the output": Ended(piped, &tunnel.LostError{Pod: "p"}),
		"output":               Ended(t.Context(), &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}),
	} {
		if got != (Report{Code: CodeInterrupted}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := Ended(t.Context(), &fs.PathError{Op: "write", Path: "/tmp/pipe", Err: syscall.EPIPE}); got.Text == "" {
		t.Error("another pipe's end is not reported")
	}
	if got := Ended(ctx, &ExitError{Code: 42}); got != (Report{Code: 42}) {
		t.Errorf("another program's exit code: got %+v", got)
	}
}
