package explain

import (
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/family"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// familySituations are installs of several builders under one name.
func familySituations() []situation {
	start := func(change func(*install.StartError)) *install.StartError {
		e := &install.StartError{Name: "n-arm64", Namespace: "ns", Pod: "n-arm64", Reason: "CrashLoopBackOff"}
		change(e)
		return e
	}
	failed := func(err error) *family.Error {
		return &family.Error{Name: "n", Namespace: "ns", Builder: "n-arm64", Removed: []string{"n-386"}, Restored: []string{"n-arm"}, Err: err}
	}
	left := failed(errors.New("no"))
	left.Left = []string{"n-arm64"}
	return []situation{
		{&family.MemberError{Name: "n-arm64", Namespace: "ns", Family: "n"}, `is for an architecture of builder "n"`, "kubectl buildkit install n -n ns", CodeUsage, ""},
		{&family.MemberError{Name: "n-arm64", Namespace: "ns", Family: "n", Unwanted: true}, `is for an architecture of builder "n"`, "kubectl buildkit install n -n ns --unset platform=PLATFORM", CodeUsage, "PLATFORM"},
		{&family.TakenError{Name: "n-arm64", Namespace: "ns", Family: "n"}, `was not installed for builder "n"`, "kubectl buildkit uninstall n-arm64 -n ns", CodeUsage, ""},
		{failed(start(func(e *install.StartError) { e.RolledBack = true })), "since this install had made them: n-386\n  builders changed back to their former settings: n-arm",
			"kubectl buildkit info n -n ns", CodeNoBuilder, ""},
		{failed(start(func(e *install.StartError) { e.Remaining = []kube.Reference{{Kind: "Pod", Name: "n-arm64"}} })), "still there", "kubectl buildkit install n -n ns, which goes on", CodeNoBuilder, ""},
		{failed(start(func(e *install.StartError) { e.Reason, e.NoNode = "Unschedulable", "arm64" })), "no node has the label kubernetes.io/arch=arm64", "the same command with --emulate", CodeNoBuilder, ""},
		{&install.StartError{Name: "n", Namespace: "ns", Pod: "n", Reason: "NoEmulation", Message: "exit code 1"}, "NoEmulation: exit code 1", "--emulate-image", CodeNoBuilder, ""},
		{left, "left as this install made them: n-arm64", "run the command again", CodeFailed, ""},
	}
}
