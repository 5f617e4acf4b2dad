package cmd

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

func TestTyposGetASuggestion(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // the error's line
		next string
	}{
		{[]string{"biuld"}, `unknown command "biuld" for "kubectl buildkit": did you mean build?`, "kubectl buildkit --help"},
		{[]string{"instal", "--rootless"}, `unknown command "instal" for "kubectl buildkit": did you mean install?`, "kubectl buildkit --help"},
		{[]string{"log"}, `did you mean logs?`, "kubectl buildkit --help"},
		{[]string{"-n", "build", "--frobnicate"}, "unknown flag: --frobnicate\n", "kubectl buildkit --help"},
		{[]string{"frobnicate"}, `unknown command "frobnicate" for "kubectl buildkit"`, "kubectl buildkit --help"},
		{[]string{"build", "--tags", "a:1", "."}, "unknown flag: --tags: did you mean --tag?", "kubectl buildkit build --help"},
		{[]string{"build", "--tgs", "a:1", "."}, "unknown flag: --tgs: did you mean --tag?", "kubectl buildkit build --help"},
		{[]string{"build", "-push", "."}, "unknown flag: -p in -push: did you mean --push?", "kubectl buildkit build --help"},
		{[]string{"build", "--pussh", "."}, "unknown flag: --pussh: did you mean --push?", "kubectl buildkit build --help"},
		{[]string{"info", "--contxt", "x"}, "unknown flag: --contxt: did you mean --context?", "kubectl buildkit info --help"},
		{[]string{"build", "--frobnicate", "."}, "unknown flag: --frobnicate\n", "kubectl buildkit build --help"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			stdout, stderr, code := call(t, c.args...)
			if code != explain.CodeUsage || stdout != "" || !strings.Contains(stderr, c.want) || !strings.Contains(stderr, "next:  "+c.next+"\n") {
				t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

// Cobra prints the help and ends well when a command with commands of its own is given a wrong one.
func TestWrongSubcommandOfAGroup(t *testing.T) {
	group := &cobra.Command{Use: "group"}
	group.AddCommand(&cobra.Command{Use: "inspect", Run: func(*cobra.Command, []string) {}})
	catchTypos(group)
	group.SilenceErrors, group.SilenceUsage = true, true
	group.SetArgs([]string{"isnpect"})
	if err := group.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "did you mean inspect?") {
		t.Errorf("got %v", err)
	}
}

func TestCommandsThatOnlyLeadToOthersPrintTheirHelp(t *testing.T) {
	stdout, stderr, code := call(t)
	if code != explain.CodeOK || stderr != "" || !strings.Contains(stdout, "Build Commands:") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}
