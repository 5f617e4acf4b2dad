package cmd

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// Every flag of the commands that have many is under a heading of its own, and every name in the table is a flag.
func TestFlagsAreGrouped(t *testing.T) {
	later := []string{"unset", "reset", "yes", "registry-auth", "device"}
	for name, groups := range flagGroups() {
		c, _, err := newTestRoot().Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		grouped := map[string]bool{"help": true}
		for _, each := range groups {
			for _, flag := range each.names {
				if grouped[flag] = true; c.Flags().Lookup(flag) == nil && !slices.Contains(later, flag) {
					t.Errorf("%s has no flag --%s", name, flag)
				}
			}
		}
		c.NonInheritedFlags().VisitAll(func(flag *pflag.Flag) {
			if !flag.Hidden && !grouped[flag.Name] {
				t.Errorf("%s --%s is in no group", name, flag.Name)
			}
		})
	}
}

func TestHelpLeavesOutTheFlagsOfEveryCommand(t *testing.T) {
	for _, args := range [][]string{{"version", "--help"}, {"build", "--help"}, {"--help"}, {"help", "history", "list"}} {
		stdout, stderr, code := call(t, args...)
		if code != exitOK || stderr != "" || strings.Contains(stdout, "--kubeconfig") || !strings.Contains(stdout, `Use "kubectl buildkit options"`) {
			t.Errorf("%q: exit %d\n%s%s", args, code, stdout, stderr)
		}
	}
	stdout, _, code := call(t, "options")
	for _, flag := range []string{"--kubeconfig", "--context", "--as", "-n, --namespace"} {
		if code != exitOK || !strings.Contains(stdout, flag) {
			t.Errorf("options, exit %d, have no %s:\n%s", code, flag, stdout)
		}
	}
	// What a group's commands share stands on their pages.
	if stdout, _, _ = call(t, "history", "list", "--help"); !strings.Contains(stdout, "--builder") || !strings.Contains(stdout, "--filter") {
		t.Error(stdout)
	}
	stdout, _, _ = call(t, "build", "--help")
	tag, last := strings.Index(stdout, "--tag"), strings.Index(stdout, "--frontend string")
	if tag < 0 || last < tag || strings.Contains(stdout, "--squash") {
		t.Errorf("order of groups:\n%s", stdout)
	}
}

func TestHelpOfUnknownCommands(t *testing.T) {
	for _, args := range [][]string{{"nonsense"}, {"history", "nonsense"}, {"create"}} {
		stdout, stderr, code := call(t, append([]string{"help"}, args...)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, "unknown command") || !strings.Contains(stderr, "next:  ") {
			t.Errorf("%q: exit %d, %q, %q", args, code, stdout, stderr)
		}
	}
}
