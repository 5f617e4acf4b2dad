package view

import (
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
)

// Differences are the settings that an install changes, a line for each value, and whether any is
// taken back.
func Differences(plan install.Plan) (lines []string, taken bool) {
	for _, difference := range plan.Differences {
		for _, value := range difference.Gone {
			lines = append(lines, fmt.Sprintf("- %s: %s", difference.Name, value))
			taken = true
		}
		for _, value := range difference.New {
			lines = append(lines, fmt.Sprintf("+ %s: %s", difference.Name, value))
		}
	}
	if plan.Renews {
		lines = append(lines, "+ new certificates")
	}
	return lines, taken
}

// Losses are the members that an install takes, a line for each with what it holds, and whether any
// holds anything. The holdings are in the order of the plan's losses.
func Losses(plan install.Plan, held []driver.Holdings) (lines []string, lossy bool) {
	for n, loss := range plan.Losses {
		verb := "removed"
		if loss.Replaced {
			verb = "replaced"
		}
		line := fmt.Sprintf("Pod %s is %s: ", loss.Member.Pod, verb)
		switch {
		case held[n].Known && held[n].Cache == 0 && held[n].Records == 0:
			lines = append(lines, line+"its cache is empty")
			continue
		case held[n].CutOff:
			lines = append(lines, line+"no client reaches its cache, since its certificates are not accepted")
			continue
		case loss.Claim != "":
			line += fmt.Sprintf("%s on volume %s stay, but are not used any more", heldText(held[n]), loss.Claim)
		default:
			line += heldText(held[n]) + " go"
		}
		lines, lossy = append(lines, line), true
	}
	return lines, lossy
}

// heldText names what a member holds.
func heldText(h driver.Holdings) string {
	switch {
	case !h.Known:
		return "its cache and history records"
	case h.Cache == 0:
		return counted(h.Records, "history record")
	}
	return fmt.Sprintf("its cache (%s) and %s", size(h.Bytes), counted(h.Records, "history record"))
}

// counted is e.g. "1 history record" or "14 history records".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
