package cmd

import (
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// stepFailure is a build whose step failed, with where its log is kept.
type stepFailure struct {
	member cluster.Member
	ref    string
	err    error
}

func (e *stepFailure) Error() string { return e.err.Error() }
func (e *stepFailure) Unwrap() error { return e.err }

// stepFailureOf adds to the error of a step where its log is kept; any other error is returned as it is.
func stepFailureOf(member cluster.Member, ref string, err error) error {
	var step *solve.FailedStepError
	if ref == "" || !errors.As(err, &step) {
		return err
	}
	return &stepFailure{member: member, ref: ref, err: err}
}

func explainStep(err error) (failure, bool) {
	var failed *stepFailure
	if !errors.As(err, &failed) {
		return failure{}, false
	}
	next := fmt.Sprintf("kubectl buildkit history logs %s -n %s", failed.ref, failed.member.Namespace)
	if failed.member.Builder != builder.DefaultName {
		next += " --builder " + failed.member.Builder
	}
	return failure{text: err.Error(), next: next, code: exitFailed}, true
}
