package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// The width of help in columns: that of the terminal between these two, and the larger one
// elsewhere.
const (
	narrowHelp = 60
	wideHelp   = 100
)

// helpWidth returns how wide help is printed.
func (f *factory) helpWidth() int {
	width, is := f.streams.Width()
	if !is {
		return wideHelp
	}
	return min(max(width, narrowHelp), wideHelp)
}

// wrapped breaks the lines of paragraphs anew. Indented lines stay as they are: they are lists and
// commands.
func wrapped(text string, width int) string {
	var page, line strings.Builder
	end := func() {
		if line.Len() > 0 {
			page.WriteString(line.String() + "\n")
			line.Reset()
		}
	}
	for _, each := range strings.Split(strings.TrimSpace(text), "\n") {
		if each == "" || strings.HasPrefix(each, " ") {
			end()
			page.WriteString(each + "\n")
			continue
		}
		for _, word := range strings.Fields(each) {
			if line.Len() > 0 && len([]rune(line.String()))+1+len([]rune(word)) > width {
				end()
			}
			if line.Len() > 0 {
				line.WriteByte(' ')
			}
			line.WriteString(word)
		}
	}
	end()
	return page.String()
}

// printHelp prints what a command is for, and its usage.
func printHelp(w io.Writer, c *cobra.Command, width int) error {
	about := c.Long
	if about == "" {
		about = c.Short
	}
	if _, err := io.WriteString(w, wrapped(about, width)+"\n"); err != nil {
		return err
	}
	return printUsage(w, c, width)
}

// printUsage is cobra's own page, but for three things: flags are grouped and wrapped, and those of
// every command are on a page of their own, as kubectl has it.
func printUsage(w io.Writer, c *cobra.Command, width int) error {
	var page strings.Builder
	page.WriteString("Usage:\n")
	if c.Runnable() && !c.HasAvailableSubCommands() {
		fmt.Fprintf(&page, "  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&page, "  %s [command]\n", c.CommandPath())
	}
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&page, "\nAliases:\n  %s\n", c.NameAndAliases())
	}
	if c.HasExample() {
		fmt.Fprintf(&page, "\nExamples:\n%s\n", c.Example)
	}
	page.WriteString(commandsOf(c))
	for _, each := range groupsOf(c) {
		if each.flags.HasAvailableFlags() {
			fmt.Fprintf(&page, "\n%s:\n%s", each.heading, each.flags.FlagUsagesWrapped(width))
		}
	}
	if c.HasAvailableSubCommands() {
		page.WriteString("\n" + wrapped(fmt.Sprintf("Use \"%s [command] --help\" for more about a command.", c.CommandPath()), width))
	}
	more := fmt.Sprintf("Use \"%s options\" for the flags of every command, e.g. --namespace and --context.", c.Root().CommandPath())
	page.WriteString("\n" + wrapped(more, width))
	_, err := io.WriteString(w, page.String())
	return err
}

// commandsOf lists the commands below one under the headings of their groups.
func commandsOf(c *cobra.Command) string {
	var list strings.Builder
	under := func(heading, group string) {
		var lines strings.Builder
		for _, child := range c.Commands() {
			if child.IsAvailableCommand() && child.GroupID == group {
				fmt.Fprintf(&lines, "  %-*s %s\n", child.NamePadding(), child.Name(), child.Short)
			}
		}
		if lines.Len() > 0 {
			list.WriteString("\n" + heading + ":\n" + lines.String())
		}
	}
	for _, group := range c.Groups() {
		under(group.Title, group.ID)
	}
	under("Available Commands", "")
	return list.String()
}
