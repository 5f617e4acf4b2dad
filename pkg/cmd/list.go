package cmd

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
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
		Long:    "List the builders of the namespace, those that install made and those it did not (adopted ones).",
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
	return o.format.Print(f.results(), listAnswer(builders, o.all, time.Now()))
}

// listAnswer has one line a builder, in the manner of kubectl get.
func listAnswer(builders []cluster.Builder, namespaces bool, now time.Time) output.Answer {
	answer := output.Answer{Kind: "Builder", Columns: []output.Column{
		{Name: "Namespace"}, {Name: "Name"}, {Name: "Ready"}, {Name: "Status"}, {Name: "Mode"}, {Name: "Image"}, {Name: "Nodes"}, {Name: "Age"},
		{Name: "Pods", Wide: true}, {Name: "Restarts", Wide: true},
	}}
	skip := 1
	if namespaces {
		skip = 0
	}
	answer.Columns = answer.Columns[skip:]
	for _, b := range builders {
		fields := newBuilderFields(b)
		item := builderItem(b.Name, b.Namespace, fields)
		item.Cells = append([]any{b.Namespace, b.Name}, summarize(fields, b.Mode, now)...)[skip:]
		answer.Items = append(answer.Items, item)
	}
	return answer
}

// summarize makes the cells after the name.
func summarize(b builderFields, mode string, now time.Time) []any {
	var states, modes, images, nodes, pods []string
	oldest, restarts := now, int32(0)
	for _, m := range b.Members {
		states, modes, images = output.AppendNew(states, m.State), output.AppendNew(modes, m.Mode), output.AppendNew(images, m.Image)
		nodes, pods = output.AppendNew(nodes, m.Node), output.AppendNew(pods, m.Pod)
		restarts += m.Restarts
		if m.CreatedAt != nil && m.CreatedAt.Before(oldest) {
			oldest = *m.CreatedAt
		}
	}
	if b.Adopted {
		modes = []string{"adopted"}
	}
	age := "<unknown>"
	if oldest != now {
		age = duration.HumanDuration(now.Sub(oldest))
	}
	return []any{
		fmt.Sprintf("%d/%d", b.ReadyMembers, b.DesiredMembers), output.OrNone(states, "Missing"), output.OrNone(modes, cmp.Or(mode, "<unknown>")),
		output.OrNone(images, "<unknown>"), output.OrNone(nodes, "<none>"), age, output.OrNone(pods, "<none>"), restarts,
	}
}
