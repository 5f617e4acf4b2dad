package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/view"
)

const listExample = `  # The builders of the current namespace
  kubectl buildkit list

  # Those of all namespaces, with their Pods
  kubectl buildkit list -A -o wide

  # Which of them are not complete
  kubectl buildkit list -A -o custom-columns=NAME:.metadata.name,WANTED:.desiredMembers,READY:.readyMembers`

type listOptions struct {
	all    bool
	format output.Format
}

func newListCommand(f *factory) *cobra.Command {
	o := &listOptions{}
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List builders",
		Long:    "List the builders of the namespace, those that install made and those it did not (unmanaged ones).",
		Example: listExample,
		Args:    noArguments("kubectl buildkit info NAME"),
		RunE:    func(c *cobra.Command, _ []string) error { return runList(c.Context(), f, o) },
	}
	c.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "List the builders of all namespaces")
	o.format.Register(c.Flags())
	return c
}

func runList(ctx context.Context, f *factory, o *listOptions) error {
	if err := o.format.Check(); err != nil {
		return err
	}
	c, err := f.Cluster()
	if err != nil {
		return err
	}
	builders, err := c.List(ctx, o.all)
	if err != nil {
		return err
	}
	if len(builders) == 0 && o.format.ForPeople() {
		where := fmt.Sprintf("in namespace %q", c.Namespace())
		if o.all {
			where = "in any namespace"
		}
		_, err := escape.Fprintf(f.streams.ErrOut, "no builders %s\n", where)
		return err
	}
	return o.format.Print(f.streams.Results(), view.Builders(builders, o.all, time.Now()))
}
