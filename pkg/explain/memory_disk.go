package explain

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// killed is the exit code of a program that SIGKILL has ended, which is also how the kernel takes
// memory back.
const killed = 128 + 9

// moreMemory doubles the limit of a builder's memory and keeps what is reserved: a limit alone
// reserves as much.
func moreMemory(member cluster.Member) string {
	on := builderOf(member)
	limit, err := resource.ParseQuantity(member.MemoryLimit)
	if err != nil {
		if on.ephemeral {
			return on.install("--limit memory=8Gi") + ", or another limit that is higher than its node's default"
		}
		return on.install("") + ", with a higher --limit memory=…"
	}
	limit.Add(limit)
	flags := "--limit memory=" + limit.String()
	if member.MemoryRequest != "" {
		flags += " --request memory=" + member.MemoryRequest
	}
	return on.install(flags)
}

// explainShortage is about what a builder has too little of: space on its disk, or memory.
func explainShortage(err error) (Report, bool) {
	var failed *driver.BuildError
	if !errors.As(err, &failed) {
		return Report{}, false
	}
	var full *solve.FullDiskError
	var step *solve.FailedStepError
	isFull, member := errors.As(err, &full), failed.Member
	if !isFull && (!errors.As(err, &step) || step.ExitCode != killed || member.MemoryLimit == "") {
		return Report{}, false
	}
	install := fmt.Sprintf("kubectl buildkit install %s -n %s", member.Builder, member.Namespace)
	if !isFull {
		text := fmt.Sprintf("%v; the step was killed, as one is that needs more memory than the builder's limit of %s", err, member.MemoryLimit)
		if member.Adopted {
			return Report{Text: text, Next: "raise the memory limit of Pod " + member.Pod}, true
		}
		return Report{Text: text, Next: moreMemory(member)}, true
	}
	text := fmt.Sprintf("the disk of builder %q is full: %v", member.Builder, full.Cause)
	if member.Ephemeral {
		return Report{Text: text, Next: "choose nodes with more space: " + builderOf(member).install("--node-selector KEY=VALUE")}, true
	}
	next := fmt.Sprintf("kubectl buildkit prune %s -n %s", member.Builder, member.Namespace)
	if !member.Adopted {
		next += "; if that frees too little, " + install + ", with a larger --storage or --limit ephemeral-storage=…"
	}
	return Report{Text: text, Next: next}, true
}
