package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/util/stack"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// printAnswer prints what the Dockerfile was asked, and fails if the answer says so.
func (f *factory) printAnswer(built *result.Result, evaluation *request.Evaluation) error {
	if err := built.PrintAnswer(f.streams.Out, evaluation.Name, evaluation.JSON, evaluation.Dockerfile); err != nil {
		return err
	}
	if evaluation.IgnoreStatus {
		return nil
	}
	return built.Status()
}

// explainAnswer adds to the daemon's words what its reader can do. An answer to --call needs none: it says itself what
// is wrong.
func explainAnswer(err error) (failure, bool) {
	var (
		status  *result.StatusError
		broken  *result.BrokenError
		refusal *solve.BuildError
		step    *solve.FailedStepError
	)
	if errors.As(err, &status) {
		return failure{code: exitFailed}, true
	}
	if errors.As(err, &broken) {
		return failure{text: err.Error(), code: exitFailed}, true
	}
	if !errors.As(err, &refusal) && !errors.As(err, &step) {
		return failure{}, false
	}
	text := err.Error()
	for part, next := range map[string]string{
		"granting entitlement":                                "the builder must allow it: kubectl buildkit install --config FILE, with insecure-entitlements in the file",
		"load LLB: security.insecure is not allowed":          "add --allow security.insecure",
		"load LLB: network.host is not allowed":               "add --allow network.host",
		"unsupported request frontend.":                       "use --call check, outline or targets",
		"contains invalid UTF-8":                              "a file of the context has a name that is not UTF-8: rename it, or leave it out with .dockerignore",
		"frontend capability moby.buildkit.frontend.contexts": "named contexts need a newer frontend: # syntax=docker/dockerfile:1",
	} {
		if strings.Contains(text, part) && (step == nil || step.ExitCode < 0) {
			return failure{text: text, next: next, code: exitFailed}, true
		}
	}
	return failure{}, false
}

// printStack writes the calls in this client and in the daemon that an error came from.
func (f *factory) printStack(err error) {
	fmt.Fprintf(f.streams.ErrOut, "%+v\n", stack.Formatter(err))
}
