package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// catchTypos makes every command that only leads to others refuse a word that is none of them. By
// itself cobra prints the help then, and ends as if all were well.
func catchTypos(c *cobra.Command) {
	if !c.HasSubCommands() {
		return
	}
	for _, child := range c.Commands() {
		catchTypos(child)
	}
	if c.Runnable() {
		return
	}
	c.Args = knownCommand
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
}

// misused returns a *usage.Error that leads to the command's help where it has no other next step.
func misused(command string, err error) error {
	wrong := usage.Error{What: err.Error()}
	if found := (*usage.Error)(nil); errors.As(err, &found) {
		wrong = *found
	}
	if wrong.Next == "" {
		wrong.Next = command + " --help"
	}
	return &wrong
}

func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return unknown(c, fmt.Sprintf("unknown command %q for %q", args[0], c.CommandPath()), args[0], suggestCommands(c, args[0]))
}

// unknown adds to the text what the word means in this program, or which are close to it.
func unknown(c *cobra.Command, text, word string, suggestions []string) error {
	if row, found := explain.Translate(pathBelowRoot(c), word); found {
		return &usage.Error{What: text + ": " + row.Reason, Next: row.Next}
	}
	if len(suggestions) > 0 {
		text += ": did you mean " + strings.Join(suggestions, " or ") + "?"
	}
	return &usage.Error{What: text}
}

func pathBelowRoot(c *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), c.Root().CommandPath()), " ")
}

// correct says in this program's words what is wrong with a flag, and adds to one that does not
// exist what may have been meant: another flag, or, where a command was expected, another command,
// whose flag this then is.
func correct(c *cobra.Command, args []string, err error) error {
	var (
		missing *pflag.NotExistError
		invalid *pflag.InvalidValueError
	)
	if errors.As(err, &invalid) {
		return unparsed(invalid)
	}
	if !errors.As(err, &missing) {
		return err
	}
	if c.HasSubCommands() {
		c.FParseErrWhitelist.UnknownFlags = true
		above := strings.Count(c.CommandPath(), " ") - strings.Count(c.Root().CommandPath(), " ")
		if c.ParseFlags(args) == nil && c.Flags().NArg() > above {
			return knownCommand(c, c.Flags().Args()[above:])
		}
	}
	name := missing.GetSpecifiedName()
	if group := missing.GetSpecifiedShortnames(); group != "" {
		text := fmt.Sprintf("unknown flag: -%s", name)
		if len(group) > 1 {
			text += fmt.Sprintf(" in -%s", group)
		}
		if long, _, _ := strings.Cut(group, "="); c.Flags().Lookup(long) != nil {
			return unknown(c, text, "-"+name, []string{"--" + long})
		}
		return unknown(c, text, "-"+name, nil)
	}
	return unknown(c, fmt.Sprintf("unknown flag: --%s", name), "--"+name, suggestFlags(c, name))
}

// unparsed is a value that is not of its flag's type.
func unparsed(e *pflag.InvalidValueError) error {
	flag := e.GetFlag()
	reason, next := reasonOf(errors.Unwrap(e)), ""
	switch flag.Value.Type() {
	case "int", "int32", "int64":
		reason, next = "must be a whole number", ""
		if errors.Is(e, strconv.ErrRange) {
			reason = "the number is too large"
		}
	case "bool", "boolfunc":
		reason, next = "must be true or false", ""
	case "duration":
		reason, next = "must be a duration", "write e.g. 30s, 5m or 2h"
	}
	return &usage.Error{What: "--" + flag.Name, Value: e.GetValue(), Reason: reason, Next: next}
}

// destructive are the commands and flags that are never suggested: who pastes a suggestion must
// lose nothing.
func destructive() []string {
	return []string{"uninstall", "prune", "rm", "logout", "force", "purge", "reset", "unset", "yes", "all"}
}

func suggestCommands(parent *cobra.Command, word string) []string {
	var names []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() && !slices.Contains(destructive(), c.Name()) {
			names = append(names, c.Name())
		}
	}
	return explain.Closest(word, names)
}

// suggestFlags also knows a flag that may be repeated by its plural.
func suggestFlags(c *cobra.Command, word string) []string {
	var names []string
	c.Flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden || flag.Deprecated != "" || slices.Contains(destructive(), flag.Name) {
			return
		}
		names = append(names, flag.Name)
		if _, repeatable := flag.Value.(*list); repeatable {
			names = append(names, flag.Name+"s")
		}
	})
	var found []string
	for _, name := range explain.Closest(word, names) {
		if c.Flags().Lookup(name) == nil {
			name = strings.TrimSuffix(name, "s")
		}
		if !slices.Contains(found, "--"+name) {
			found = append(found, "--"+name)
		}
	}
	return found
}
