package cmd

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// destructive are the commands and flags that are never suggested: who pastes a suggestion must lose nothing.
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
