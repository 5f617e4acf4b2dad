package cmd

import (
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/completion"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completeEverything teaches all commands below root to complete their arguments and the values of
// their flags. What a constructor has set itself is left as it is.
func (f *factory) completeEverything(root *cobra.Command) {
	flags := completion.Flags()
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.ValidArgsFunction == nil && !c.HasSubCommands() {
			c.ValidArgsFunction = f.argumentsOf(c)
		}
		register := func(flag *pflag.Flag) {
			complete, known := flags[c.Name()+" --"+flag.Name]
			if !known {
				complete, known = flags["--"+flag.Name]
			}
			if known {
				_ = c.RegisterFlagCompletionFunc(flag.Name, f.completion(complete)) // fails where one is registered
			}
		}
		c.Flags().VisitAll(register)
		c.PersistentFlags().VisitAll(register)
		for _, child := range c.Commands() {
			visit(child)
		}
	}
	visit(root)
}

// argumentsOf are the arguments of a command by what its usage calls them: NAME is a builder, PATH
// a directory.
func (f *factory) argumentsOf(c *cobra.Command) cobra.CompletionFunc {
	switch {
	case strings.Contains(c.Use, "NAME"):
		builders := f.completion(completion.Builders)
		return func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return builders(c, args, typed)
		}
	case strings.Contains(c.Use, "REF"):
		return f.completion(completion.Builds)
	case strings.Contains(c.Use, "PATH"):
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	}
	return cobra.NoFileCompletions
}

// completion is what cobra calls.
func (f *factory) completion(complete completion.Completer) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if complete == nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		query := completion.Query{Driver: f.Driver, Kubeconfig: f.flags.ToRawKubeConfigLoader().RawConfig, Typed: typed}
		if flag := c.Flag("builder"); flag != nil {
			query.Builder = flag.Value.String()
		}
		words, more := complete.Words(c.Context(), query)
		if more {
			return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
