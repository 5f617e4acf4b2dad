package cmd

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// Every flag of the commands that have many is under a heading of its own, and every name in the
// table is a flag.
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
		if code != explain.CodeOK || stderr != "" || strings.Contains(stdout, "--kubeconfig") || !strings.Contains(stdout, `Use "kubectl buildkit options"`) {
			t.Errorf("%q: exit %d\n%s%s", args, code, stdout, stderr)
		}
	}
	stdout, _, code := call(t, "options")
	for _, flag := range []string{"--kubeconfig", "--context", "--as", "-n, --namespace"} {
		if code != explain.CodeOK || !strings.Contains(stdout, flag) {
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
		if code != explain.CodeUsage || stdout != "" || !strings.Contains(stderr, "unknown command") || !strings.Contains(stderr, "next:  ") {
			t.Errorf("%q: exit %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

// Help is as wide as the terminal, and no wider than 100 columns. Commands are not broken.
func TestHelpIsWrapped(t *testing.T) {
	for _, width := range []int{narrowHelp, 80, wideHelp} {
		everyCommand(newTestRoot(), func(c *cobra.Command) {
			var page strings.Builder
			if err := printHelp(&page, c, width); err != nil {
				t.Fatal(err)
			}
			before, rest, _ := strings.Cut(page.String(), "\nUsage:\n")
			if at := regexp.MustCompile(`(?m)^(\S.* )?Flags:$`).FindStringIndex(rest); at != nil {
				before += rest[at[0]:]
			}
			for line := range strings.Lines(before) {
				words := strings.Fields(line)
				if length := len([]rune(strings.TrimRight(line, "\n"))); length > width && len(words) > 1 && len(words[len(words)-1]) < 24 {
					t.Errorf("%s, %d columns: %d in %q", c.CommandPath(), width, length, line)
				}
			}
		})
	}
	const text = "Print an\nexample of all.\n\n  kept as it  is\n\nä ö ü ä ö ü ä"
	if got := wrapped(text, 13); got != "Print an\nexample of\nall.\n\n  kept as it  is\n\nä ö ü ä ö ü ä\n" {
		t.Errorf("%q", got)
	}
	// Without a terminal the widest.
	stdout, _, _ := call(t, "build", "--help")
	if !slices.ContainsFunc(strings.Split(stdout, "\n"), func(line string) bool { return len(line) > 90 }) {
		t.Error(stdout)
	}
}

func everyCommand(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, child := range c.Commands() {
		everyCommand(child, visit)
	}
}

// Every command of the first page is in a group.
func TestCommandsAreGrouped(t *testing.T) {
	stdout, _, code := call(t, "--help")
	at := 0
	for _, heading := range []string{"Build", "Builder", "Cache and History", "Registry", "Other"} {
		found := strings.Index(stdout, "\n"+heading+" Commands:\n")
		if found < at {
			t.Errorf("%s Commands are missing, or not where they belong:\n%s", heading, stdout)
		}
		at = found
	}
	if code != explain.CodeOK || strings.Contains(stdout, "Available Commands") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	for _, c := range newTestRoot().Commands() {
		if c.IsAvailableCommand() && !strings.Contains(stdout, "\n  "+c.Name()+" ") {
			t.Errorf("%s is not listed", c.Name())
		}
	}
}
