package cmd

import (
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

// printStack writes the calls in this client and in the daemon that an error came from.
func (f *factory) printStack(err error) {
	_, _ = io.WriteString(f.streams.ErrOut, fmt.Sprintf("%+v\n", stack.Formatter(err)))
}
