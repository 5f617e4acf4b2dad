package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

func explainLost(e *driver.LostError) failure {
	text := e.Error()
	if len(e.Diagnosis.Logs) > 0 {
		text += "\n  the daemon's last lines:\n    " + strings.Join(e.Diagnosis.Logs, "\n    ")
	}
	if denied, ok := explainPermission(e.After); ok && !e.Diagnosis.Over {
		return failure{text: text, next: denied.next, code: denied.code}
	}
	return failure{text: text, next: nextForLost(e), code: exitNoBuilder}
}

// nextForLost is what removes the cause of the loss.
func nextForLost(e *driver.LostError) string {
	again := fmt.Sprintf("kubectl buildkit install %s -n %s", e.Member.Builder, e.Member.Namespace)
	switch e.Diagnosis.Cause {
	case cluster.CauseOOMKilled, cluster.CauseDeleted, cluster.CauseEvicted, cluster.CauseNodeLost:
		if e.Member.Adopted {
			return fmt.Sprintf("see to Pod %s, which is not of this plugin's making, then build again", e.Member.Pod)
		}
	}
	switch e.Diagnosis.Cause {
	case cluster.CauseOOMKilled:
		return again + ", with a higher --limit memory=…"
	case cluster.CauseDeleted, cluster.CauseEvicted:
		return again + ", then build again"
	case cluster.CauseNodeLost:
		return elsewhere(e.Member.Builder, e.Member.Namespace) + "; then build again"
	case cluster.CauseExited:
		return fmt.Sprintf("kubectl logs %s -n %s --previous", e.Member.Pod, e.Member.Namespace)
	}
	return "build again: finished steps are in the cache"
}

// explainNoAnswer reports all members that did not answer, with the code of the first of them for which there is a next
// step.
func explainNoAnswer(err error) (failure, bool) {
	var silent *driver.NoAnswerError
	if !errors.As(err, &silent) {
		return failure{}, false
	}
	told := explainOne(silent.Silent[0].Err)
	for _, each := range silent.Silent[1:] {
		if told.next == "" {
			told = explainOne(each.Err)
		}
	}
	told.text = silent.Error()
	return told, true
}

// explainWarning is about what does not end a call.
func explainWarning(err error) (failure, bool) {
	var (
		doubt     *driver.PushDoubtError
		emulation *driver.EmulationError
		expiring  *driver.ExpiringError
	)
	switch {
	case errors.As(err, &doubt) && doubt.Reason == "":
		return failure{text: doubt.Error(), next: "--preflight=false leaves out this question", code: exitFailed}, true
	case errors.As(err, &doubt):
		text, next := builderOf(doubt.Member).aboutRegistry(&solve.DiagnosedError{Reason: doubt.Reason, Host: doubt.Err.Host})
		return failure{text: text + "; the push will fail", next: next, code: exitFailed}, true
	case errors.As(err, &emulation):
		return failure{text: emulation.Error(), next: builderOf(emulation.Member).otherArchitecture(emulation.Foreign[:1]), code: exitFailed}, true
	case errors.As(err, &expiring) && expiring.Pod != "":
		return failure{text: expiring.Error() + "; it takes the new ones when it is restarted", next: reinstall(expiring.Builder, expiring.Namespace) + " --yes, which replaces it with its cache", code: exitFailed}, true
	case errors.As(err, &expiring):
		return failure{text: expiring.Error() + "; ask an administrator", next: reinstall(expiring.Builder, expiring.Namespace), code: exitFailed}, true
	}
	return failure{}, false
}
