package cmd

import (
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// killed is the exit code of a program that SIGKILL has ended, which is also how the kernel takes memory back.
const killed = 128 + 9

// shortageError is a build that failed for what its builder has too little of: space on its disk, or memory.
type shortageError struct {
	member cluster.Member
	err    error
}

func (e *shortageError) Error() string { return e.err.Error() }
func (e *shortageError) Unwrap() error { return e.err }

// shortageOf adds the builder to an error that it may be too small for; any other error is left as it is.
func shortageOf(member cluster.Member, err error) error {
	var full *solve.FullDiskError
	var step *solve.FailedStepError
	if errors.As(err, &full) || errors.As(err, &step) && step.ExitCode == killed && member.MemoryLimit != "" {
		return &shortageError{member: member, err: err}
	}
	return err
}

func explainShortage(err error) (failure, bool) {
	var short *shortageError
	if !errors.As(err, &short) {
		return failure{}, false
	}
	member := short.member
	install := fmt.Sprintf("kubectl buildkit install %s -n %s", member.Builder, member.Namespace)
	var full *solve.FullDiskError
	if !errors.As(err, &full) {
		text := fmt.Sprintf("%v; the step was killed, as one is that needs more memory than the builder's limit of %s", err, member.MemoryLimit)
		if member.Adopted {
			return failure{text: text, next: "raise the memory limit of Pod " + member.Pod, code: exitFailed}, true
		}
		return failure{text: text, next: install + ", with a higher --limit memory=…", code: exitFailed}, true
	}
	text := fmt.Sprintf("the disk of builder %q is full: %v", member.Builder, full.Cause)
	next := fmt.Sprintf("kubectl buildkit prune %s -n %s", member.Builder, member.Namespace)
	if !member.Adopted {
		next += "; if that frees too little, " + install + ", with a larger --storage or --limit ephemeral-storage=…"
	}
	return failure{text: text, next: next, code: exitNoBuilder}, true
}
