package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// completionPatience bounds what a completion may ask of a cluster: the user has pressed TAB and waits.
const completionPatience = time.Second

// completer says what a half-typed word may become. It is silent about errors: what it cannot find out it leaves out.
type completer func(ctx context.Context, q inquiry) []string

// inquiry is what a completer is asked: the command whose flags are parsed as far as they are typed, and the half word.
type inquiry struct {
	*factory
	command *cobra.Command
	typed   string
}

// completeEverything teaches all commands below root to complete their arguments and the values of their flags. What a
// constructor has set itself is left as it is.
func (f *factory) completeEverything(root *cobra.Command) {
	flags := flagCompleters()
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

// argumentsOf are the arguments of a command by what its usage calls them: NAME is a builder, PATH a directory.
func (f *factory) argumentsOf(c *cobra.Command) cobra.CompletionFunc {
	switch {
	case strings.Contains(c.Use, "NAME"):
		builders := f.completion(builderNames)
		return func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return builders(c, args, typed)
		}
	case strings.Contains(c.Use, "REF"):
		return f.completion(buildRefs)
	case strings.Contains(c.Use, "PATH"):
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	}
	return cobra.NoFileCompletions
}

// completion is what cobra calls. A nil completer leaves the word to the shell, which completes file names; one that
// ends in "=", "/" or "," goes on, so no space follows.
func (f *factory) completion(complete completer) cobra.CompletionFunc {
	if complete == nil {
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		}
	}
	return func(c *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(c.Context(), completionPatience)
		defer cancel()
		var offered []cobra.Completion
		directive := cobra.ShellCompDirectiveNoFileComp
		for _, word := range complete(ctx, inquiry{factory: f, command: c, typed: typed}) {
			if !strings.HasPrefix(word, typed) {
				continue
			}
			offered = append(offered, inItsLine(word))
			if value, _, _ := strings.Cut(word, "\t"); strings.HasSuffix(value, "=") || strings.HasSuffix(value, "/") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
		return offered, directive
	}
}

// inItsLine is a candidate and its description, of which a tab separates the two and nothing else does.
func inItsLine(word string) string {
	value, description, described := strings.Cut(word, "\t")
	if !described {
		return escape.Line(value)
	}
	return escape.Line(value) + "\t" + escape.Line(description)
}

// oneOf completes with words that are known beforehand.
func oneOf(words ...string) completer {
	return func(context.Context, inquiry) []string { return words }
}

// someOf completes the last word of a list with commas.
func someOf(complete completer) completer {
	return func(ctx context.Context, q inquiry) []string {
		before := q.typed[:strings.LastIndex(q.typed, ",")+1]
		q.typed = q.typed[len(before):]
		words := complete(ctx, q)
		for i, word := range words {
			words[i] = before + word
		}
		return words
	}
}
