package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/family"
)

// explainFamily is about builders that belong together, and are changed by the name of one.
func explainFamily(err error) (Report, bool) {
	var (
		member *family.MemberError
		taken  *family.TakenError
	)
	switch {
	case errors.As(err, &member) && member.Unwanted:
		next := Reinstall(member.Family, member.Namespace) + " --unset platform=PLATFORM, which removes the builder of one; to remove all: kubectl buildkit uninstall " +
			member.Family + " -n " + member.Namespace
		return Report{Text: member.Error(), Next: next}, true
	case errors.As(err, &member):
		return Report{Text: member.Error(), Next: "change that one, with the same flags: " + Reinstall(member.Family, member.Namespace)}, true
	case errors.As(err, &taken):
		next := fmt.Sprintf("to remove it: kubectl buildkit uninstall %s -n %s; or choose another name than %s", taken.Name, taken.Namespace, taken.Family)
		return Report{Text: taken.Error(), Next: next}, true
	}
	return Report{}, false
}

// addFamily says what has become of the other builders, and makes the next step one of the builder
// that has the family's name.
func addFamily(err error, report *Report) {
	var failed *family.Error
	if !errors.As(err, &failed) {
		return
	}
	for _, each := range []struct {
		names []string
		what  string
	}{
		{failed.Removed, "removed again, since this install had made them"},
		{failed.Restored, "changed back to their former settings"},
		{failed.Left, "left as this install made them"},
	} {
		if len(each.names) > 0 {
			report.Text += fmt.Sprintf("\n  builders %s: %s", each.what, strings.Join(each.names, ", "))
		}
	}
	for _, command := range []string{"install", "info"} {
		report.Next = strings.ReplaceAll(report.Next, "kubectl buildkit "+command+" "+failed.Builder+" -n ", "kubectl buildkit "+command+" "+failed.Name+" -n ")
	}
	if len(failed.Left) > 0 {
		report.Next = joinSteps(report.Next, "run the command again, which goes on from there")
	}
}
