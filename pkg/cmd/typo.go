package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/util/suggest"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// closeEnough is how many letters may differ between what was typed and what is suggested.
const closeEnough = 2

// catchTypos makes every command that only leads to others refuse a word that is none of them. By itself cobra prints
// the help then, and ends as if all were well.
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
	c.SuggestionsMinimumDistance = closeEnough
	c.Args = knownCommand
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
}

func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())
	return withSuggestions(err, c.SuggestionsFor(args[0]))
}

// correct adds to an error about a flag that does not exist what may have been meant: another flag, or, where a command
// was expected, another command, whose flag this then is.
func correct(c *cobra.Command, args []string, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	if c.HasSubCommands() {
		c.FParseErrWhitelist.UnknownFlags = true
		above := strings.Count(c.CommandPath(), " ") - strings.Count(c.Root().CommandPath(), " ")
		if c.ParseFlags(args) == nil && c.Flags().NArg() > above {
			return knownCommand(c, c.Flags().Args()[above:])
		}
	}
	var names []string
	c.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden && flag.Deprecated == "" {
			names = append(names, flag.Name)
		}
	})
	if name, found := suggest.Search(unknown.GetSpecifiedName(), names, true); found {
		return withSuggestions(err, []string{"--" + name})
	}
	return err
}

func withSuggestions(err error, suggestions []string) error {
	if len(suggestions) == 0 {
		return err
	}
	return fmt.Errorf("%w: did you mean %s?", err, strings.Join(suggestions, " or "))
}
