package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/view"
)

const listLong = `List the builders of the namespace, those that install made and those it did not (unmanaged ones).

What is shown is read from the cluster. With --queue every ready member is asked, side by side and for at most ten seconds,
how many builds run there and how many wait: RUNNING is of how many at most, where the builder limits that, and -o wide has
both of each Pod. Members that did not answer are named in warnings and left out. kubectl buildkit info shows which builds
they are.`

const listExample = `  # The builders of the current namespace
  kubectl buildkit list

  # Those of all namespaces, with their Pods
  kubectl buildkit list -A -o wide

  # How many builds run and wait on each
  kubectl buildkit list --queue

  # Which of them are not complete
  kubectl buildkit list -A -o custom-columns=NAME:.metadata.name,WANTED:.desiredMembers,READY:.readyMembers`

type listOptions struct {
	all    bool
	queue  bool
	format output.Format
}

func newListCommand(f *factory) *cobra.Command {
	o := &listOptions{}
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List builders",
		Long:    listLong,
		Example: listExample,
		Args:    noArguments("kubectl buildkit info NAME"),
		RunE:    func(c *cobra.Command, _ []string) error { return runList(c.Context(), f, o) },
	}
	c.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "List the builders of all namespaces")
	c.Flags().BoolVar(&o.queue, "queue", false, "Also connect to the members, and show how many builds run and wait")
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
	var builds map[string]driver.MemberBuilds
	if o.queue {
		var unlisted []driver.Unlisted
		builds, unlisted = f.Builds(ctx, driver.ConnectOptions{}, builders)
		f.warnUnlisted(unlisted)
	}
	return o.format.Print(f.streams.Results(), view.Builders(builders, o.all, builds, time.Now()))
}

func (f *factory) warnUnlisted(unlisted []driver.Unlisted) {
	for _, each := range unlisted {
		escape.Fprintln(f.streams.ErrOut, "warning: "+escape.Line(each.String()))
	}
}
