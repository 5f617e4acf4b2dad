package cmd

import (
	"errors"
	"fmt"
	"io"

	"github.com/moby/buildkit/util/stack"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
)

// printAnswer prints what the Dockerfile was asked, and fails if the answer says so.
func (f *factory) printAnswer(built *result.Result, evaluation *request.Evaluation) error {
	out := f.streams.Out
	if evaluation.JSON {
		out = f.results()
	}
	if err := built.PrintAnswer(out, evaluation.Name, evaluation.JSON, evaluation.Dockerfile); err != nil {
		return err
	}
	if evaluation.IgnoreStatus {
		return nil
	}
	return built.Status()
}

// explainAnswer adds nothing to an answer to --call: it says itself what is wrong.
func explainAnswer(err error) (failure, bool) {
	var (
		status *result.StatusError
		broken *result.BrokenError
	)
	if errors.As(err, &status) {
		return failure{code: exitFailed}, true
	}
	if errors.As(err, &broken) {
		return failure{text: err.Error(), code: exitFailed}, true
	}
	return failure{}, false
}

// printStack writes the calls in this client and in the daemon that an error came from.
func (f *factory) printStack(err error) {
	_, _ = io.WriteString(f.streams.ErrOut, fmt.Sprintf("%+v\n", stack.Formatter(err)))
}
