package cmd

import (
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// killed is the exit code of a program that SIGKILL has ended, which is also how the kernel takes memory back.
const killed = 128 + 9

// explainShortage is about what a builder has too little of: space on its disk, or memory.
func explainShortage(err error) (failure, bool) {
	var failed *driver.BuildError
	if !errors.As(err, &failed) {
		return failure{}, false
	}
	var full *solve.FullDiskError
	var step *solve.FailedStepError
	isFull, member := errors.As(err, &full), failed.Member
	if !isFull && (!errors.As(err, &step) || step.ExitCode != killed || member.MemoryLimit == "") {
		return failure{}, false
	}
	install := fmt.Sprintf("kubectl buildkit install %s -n %s", member.Builder, member.Namespace)
	if !isFull {
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
