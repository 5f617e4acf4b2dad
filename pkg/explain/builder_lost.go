package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

func explainLost(e *driver.LostError) Report {
	text := e.Error()
	if len(e.Diagnosis.Logs) > 0 {
		text += "\n  the daemon's last lines:\n    " + strings.Join(e.Diagnosis.Logs, "\n    ")
	}
	if denied, ok := explainPermission(e.After); ok && !e.Diagnosis.Over {
		return Report{Text: text, Next: denied.Next}
	}
	return Report{Text: text, Next: nextForLost(e)}
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
	switch {
	case e.Diagnosis.Cause == cluster.CauseOOMKilled:
		return moreMemory(e.Member)
	case e.Member.Ephemeral:
		return "build again, which makes another builder"
	}
	switch e.Diagnosis.Cause {
	case cluster.CauseDeleted, cluster.CauseEvicted:
		return again + ", then build again"
	case cluster.CauseNodeLost:
		return elsewhere(e.Member.Builder, e.Member.Namespace) + "; then build again"
	case cluster.CauseExited:
		return fmt.Sprintf("kubectl logs %s -n %s --previous", e.Member.Pod, e.Member.Namespace)
	}
	return "build again: finished steps are in the cache"
}

// explainMember is about a member that was asked for by name: another one may do.
func explainMember(err error) (Report, bool) {
	var member *driver.MemberError
	if !errors.As(err, &member) {
		return Report{}, false
	}
	next := "leave out --member, to build on another one"
	if why := explainCause(member.Err).Next; why != "" {
		next += "; for this one: " + why
	}
	return Report{Text: member.Error(), Next: next}, true
}

// explainNoAnswer reports all members that did not answer, with the first next step that there is
// for one of them.
func explainNoAnswer(err error) (Report, bool) {
	var silent *driver.NoAnswerError
	if !errors.As(err, &silent) {
		return Report{}, false
	}
	report := explainCause(silent.Silent[0].Err)
	for _, each := range silent.Silent[1:] {
		if report.Next == "" {
			report = explainCause(each.Err)
		}
	}
	report.Text = silent.Error()
	return report, true
}

// explainWarning is about what does not end a call, and about platforms that no member has.
func explainWarning(err error) (Report, bool) {
	var (
		doubt     *driver.PushDoubtError
		emulation *driver.EmulationError
		missing   *driver.MissingPlatformError
		expiring  *driver.ExpiringError
	)
	switch {
	case errors.As(err, &doubt) && doubt.Reason == "":
		return Report{Text: doubt.Error(), Next: "--preflight=false leaves out this question"}, true
	case errors.As(err, &doubt):
		text, next := builderOf(doubt.Member).aboutRegistry(&solve.DiagnosedError{Reason: doubt.Reason, Host: doubt.Err.Host})
		return Report{Text: text + "; the push will fail", Next: next}, true
	case errors.As(err, &emulation):
		return Report{Text: emulation.Error(), Next: builderOf(emulation.Member).otherArchitecture(emulation.Foreign[:1])}, true
	case errors.As(err, &missing):
		of := cluster.Member{Builder: missing.Builder, Namespace: missing.Namespace}
		return Report{Text: missing.Error(), Next: builderOf(of).addPlatforms(missing.Missing)}, true
	case errors.As(err, &expiring) && expiring.Pod != "":
		return Report{Text: expiring.Error() + "; it takes the new ones when it is restarted", Next: Reinstall(expiring.Builder, expiring.Namespace) + " --yes, which replaces it with its cache"}, true
	case errors.As(err, &expiring):
		return Report{Text: expiring.Error() + "; ask an administrator", Next: Reinstall(expiring.Builder, expiring.Namespace)}, true
	}
	return Report{}, false
}

// explainUnrestored is about a builder that a build did not restore.
func explainUnrestored(err error) (Report, bool) {
	const withFlags = ", with the flags that it was installed with"
	var (
		unrestored *driver.UnrestoredError
		partial    *install.PartialSettingsError
	)
	switch {
	case errors.As(err, &partial):
		return Report{Text: partial.Error(), Next: Reinstall(partial.Name, partial.Namespace) + withFlags}, true
	case !errors.As(err, &unrestored):
		return Report{}, false
	}
	next := "ask an administrator to run: " + Reinstall(unrestored.Name, unrestored.Namespace)
	if errors.As(unrestored.Err, &partial) {
		next = Reinstall(unrestored.Name, unrestored.Namespace) + withFlags
	}
	return Report{Text: unrestored.Error(), Next: next}, true
}
