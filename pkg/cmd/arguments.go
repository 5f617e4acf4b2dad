package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// takesBuilder lets a command that is about one builder take its name as NAME, as kubectl has it,
// or as --builder, as docker and the commands with other arguments have it.
func takesBuilder(c *cobra.Command) {
	c.Flags().String("builder", "", "The builder, another way to give NAME")
	c.Args = oneBuilder
}

func oneBuilder(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("takes at most one NAME, got %d arguments: %q", len(args), args)
	}
	if flag := c.Flag("builder"); len(args) == 1 && flag.Changed && flag.Value.String() != args[0] {
		return &usage.Error{What: "--builder", Value: flag.Value.String(), Reason: fmt.Sprintf("NAME is %q: they name two builders", args[0]), Next: "leave one of them out"}
	}
	return nil
}

// nameArgument is the builder that a command's NAME or --builder names, and the default one without
// them.
func nameArgument(c *cobra.Command, args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	if flag := c.Flag("builder"); flag != nil && flag.Changed {
		return flag.Value.String()
	}
	return builder.DefaultName
}

// namedBuilder returns the builder that the command line names, by NAME or --builder; empty if it
// names none.
func namedBuilder(c *cobra.Command, args []string) string {
	if flag := c.Flag("builder"); flag != nil && flag.Changed {
		return flag.Value.String()
	}
	if strings.Contains(c.Use, "[NAME]") && len(args) > 0 {
		return args[0]
	}
	return ""
}

// noArguments is for a command that takes none. NAME in the next step is what was given.
func noArguments(next string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return &usage.Error{What: fmt.Sprintf("%s takes no argument, got %q", c.Name(), args[0]), Next: strings.ReplaceAll(next, "NAME", explain.Quote(args[0]))}
	}
}

// unreadable is for a file of a flag that cannot be read.
func unreadable(flag, path string, err error) error {
	reason, next := reasonOf(err), "check the path; it is relative to the working directory"
	var kind *safefile.NotRegularError
	switch {
	case errors.As(err, &kind) && kind.Reason != "":
		next = "start the program that writes to it first, or name a regular file"
	case errors.As(err, &kind):
		reason, next = "it is "+safefile.Kind(kind.Mode), "name a regular file"
	}
	return &usage.Error{What: flag, Value: path, Reason: reason, Next: next}
}

// reasonOf is a file error without the path, which the message around it names already.
func reasonOf(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
