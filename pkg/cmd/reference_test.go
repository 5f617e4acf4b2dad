package cmd

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

var updateReference = flag.Bool("update-reference", false, "write the command reference anew")

// referenceDir is beside the command, as the design has it.
const referenceDir = "../../cmd/kubectl-buildkit/doc"

// The reference is what the commands say of themselves, a page a command.
func TestCommandReferenceIsUpToDate(t *testing.T) {
	t.Setenv("HOME", "~") // what is below it by default shows as such
	t.Setenv("KUBECACHEDIR", "")
	pages := referencePages(newRootCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv)))
	if *updateReference {
		writeReference(t, pages)
	}
	const remedy = "`make docs` writes the reference anew; commit what it changes"
	for name, want := range pages {
		got, err := os.ReadFile(filepath.Join(referenceDir, name))
		if err != nil {
			t.Errorf("%v: %s", err, remedy)
		} else if !bytes.Equal(got, []byte(want)) {
			t.Errorf("%s is not what the command says: %s", name, remedy)
		}
	}
	entries, err := os.ReadDir(referenceDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if _, known := pages[entry.Name()]; !known {
			t.Errorf("%s is about no command: %s", entry.Name(), remedy)
		}
	}
}

func writeReference(t *testing.T, pages map[string]string) {
	t.Helper()
	if err := os.RemoveAll(referenceDir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(referenceDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(referenceDir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func referencePages(root *cobra.Command) map[string]string {
	pages := map[string]string{pageName(root): rootPage(root)}
	for _, c := range documented(root) {
		if c.HasParent() {
			pages[pageName(c)] = commandPage(c)
		}
	}
	return pages
}

// documented are the commands that help shows, depth first, by name.
func documented(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			list = append(list, documented(child)...)
		}
	}
	return list
}

// pageName is README.md for the first page, for that is what a directory shows, and e.g.
// history_inspect.md.
func pageName(c *cobra.Command) string {
	if !c.HasParent() {
		return "README.md"
	}
	path := strings.TrimPrefix(c.CommandPath(), c.Root().CommandPath()+" ")
	return strings.ReplaceAll(path, " ", "_") + ".md"
}

func rootPage(root *cobra.Command) string {
	var page strings.Builder
	fmt.Fprintf(&page, "# %s\n\n%s\n\n%s", root.CommandPath(), root.Long, fenced(root.Example))
	page.WriteString("| command | what it does |\n|---|---|\n")
	for _, c := range documented(root) {
		if c.HasParent() {
			fmt.Fprintf(&page, "| [`%s`](%s) | %s |\n", c.CommandPath(), pageName(c), c.Short)
		}
	}
	fmt.Fprintf(&page, "\n## Flags of every command\n\n%s", flagTable(root.PersistentFlags()))
	return page.String()
}

func commandPage(c *cobra.Command) string {
	var page strings.Builder
	fmt.Fprintf(&page, "# %s\n\n%s\n\n%s", c.CommandPath(), told(c), fenced("  "+c.UseLine()))
	if c.HasAvailableSubCommands() {
		page.WriteString("| command | what it does |\n|---|---|\n")
		for _, child := range documented(c)[1:] {
			fmt.Fprintf(&page, "| [`%s`](%s) | %s |\n", child.CommandPath(), pageName(child), child.Short)
		}
		page.WriteString("\n")
	}
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&page, "Also: `%s`.\n\n", strings.Join(c.Aliases, "`, `"))
	}
	if c.Example != "" {
		page.WriteString("## Examples\n\n" + fenced(c.Example))
	}
	for _, each := range groupsOf(c) {
		if each.flags.HasAvailableFlags() {
			page.WriteString("## " + each.heading + "\n\n" + flagTable(each.flags) + "\n")
		}
	}
	page.WriteString("The [flags of every command](README.md#flags-of-every-command) hold here too.\n")
	return page.String()
}

func told(c *cobra.Command) string {
	if c.Long != "" {
		return strings.TrimSpace(c.Long)
	}
	return c.Short + "."
}

// fenced is a block of shell lines, without the indentation that help has.
func fenced(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimPrefix(strings.TrimRight(line, " \n"), "  "))
	}
	return "```sh\n" + strings.Join(lines, "\n") + "\n```\n\n"
}

func flagTable(flags *pflag.FlagSet) string {
	var rows []string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		if !slices.Contains([]string{"", "false", "[]", "0", "0s"}, f.DefValue) && !strings.Contains(usage, "(default") {
			usage += " (default `" + f.DefValue + "`)"
		}
		usage = strings.ReplaceAll(strings.ReplaceAll(usage, "|", `\|`), "<", `\<`)
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |\n", name, value, usage))
	})
	return "| flag | value | meaning |\n|---|---|---|\n" + strings.Join(rows, "")
}
