package explain

import (
	"errors"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/ephemeral"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
)

// forThisBuild is how a builder for one build gets what these flags of install say, each with a
// value.
func forThisBuild(flags string) string {
	words := strings.Fields(flags)
	text := "add"
	for i := 0; i+1 < len(words); i += 2 {
		text += " --ephemeral-set " + strings.TrimPrefix(words[i], "--") + "=" + words[i+1]
	}
	return text
}

// explainEphemeral is about a builder for one build that cannot be made.
func explainEphemeral(err error) (Report, bool) {
	var (
		refused *ephemeral.RefusedError
		gone    *ephemeral.GoneError
		lost    *driver.LostError
		start   *install.StartError
	)
	switch {
	case errors.As(err, &refused):
		return Report{Text: refused.Error(), Next: refusalWith(refused.Err, forThisBuild)}, true
	case errors.As(err, &start) && start.Ephemeral:
		return Report{Text: explainStart(start).Text, Next: nextForStart(start)}, true
	case errors.As(err, &gone) && !errors.As(err, &lost):
		return Report{Text: gone.Error(), Next: "build again, which makes another builder"}, true
	}
	return Report{}, false
}

// nextForStart is what lets a builder for one build start, without one that is installed.
func nextForStart(e *install.StartError) string {
	switch {
	case e.Reason == cluster.ReasonNodeLost:
		return "build again, which makes another builder"
	case e.Reason == cluster.ReasonUnassigned:
		return "leave it to the cluster's own scheduler: " + forThisBuild("--scheduler default-scheduler")
	case e.Reason == "Unschedulable":
		return "compare its settings node-selector, toleration and request, which --ephemeral-set changes, with the nodes: kubectl get nodes --show-labels"
	case strings.Contains(e.Reason, "Image"):
		return "check its settings image and image-pull-secret, which --ephemeral-set changes, or whether the nodes reach that registry"
	}
	return ""
}
