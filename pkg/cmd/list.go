package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
)

const listExample = `  # The builders of the current namespace
  kubectl buildkit list

  # Those of all namespaces
  kubectl buildkit list -A`

func newListCommand(f *factory) *cobra.Command {
	all := false
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List builders",
		Long:    "List the builders of the namespace, those that install made and those it did not (adopted ones).",
		Example: listExample,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runList(c.Context(), f, all) },
	}
	c.Flags().BoolVarP(&all, "all-namespaces", "A", false, "List the builders of all namespaces")
	return c
}

func runList(ctx context.Context, f *factory, all bool) error {
	c, err := f.cluster()
	if err != nil {
		return err
	}
	builders, err := c.List(ctx, all)
	if err != nil {
		return err
	}
	if len(builders) == 0 {
		where := fmt.Sprintf("in namespace %q", c.Namespace())
		if all {
			where = "in any namespace"
		}
		_, err := fmt.Fprintf(f.streams.ErrOut, "no builders %s\n", where)
		return err
	}
	return printBuilders(f.streams.Out, builders, all, time.Now())
}

// printBuilders prints one line a builder, in the manner of kubectl get.
func printBuilders(w io.Writer, builders []cluster.Builder, namespaces bool, now time.Time) error {
	tw := printers.GetNewTabWriter(w)
	if namespaces {
		fmt.Fprint(tw, "NAMESPACE\t")
	}
	fmt.Fprintln(tw, "NAME\tREADY\tSTATUS\tMODE\tIMAGE\tNODES\tAGE")
	for _, b := range builders {
		if namespaces {
			fmt.Fprintf(tw, "%s\t", b.Namespace)
		}
		ready, states, nodes, age := summarize(b, now)
		mode, image := "<unknown>", "<unknown>"
		if len(b.Members) > 0 {
			image = b.Members[0].Image
			if b.Members[0].Mode != "" {
				mode = b.Members[0].Mode
			}
		}
		if b.Adopted {
			mode = "adopted"
		}
		fmt.Fprintf(tw, "%s\t%d/%d\t%s\t%s\t%s\t%s\t%s\n", b.Name, ready, b.Desired, states, mode, image, nodes, age)
	}
	return tw.Flush()
}

func summarize(b cluster.Builder, now time.Time) (ready int, states, nodes, age string) {
	var stateList, nodeList []string
	var oldest time.Time
	for _, m := range b.Members {
		if m.Ready {
			ready++
		}
		stateList = appendNew(stateList, m.State)
		nodeList = appendNew(nodeList, m.Node)
		if oldest.IsZero() || m.Created.Before(oldest) {
			oldest = m.Created
		}
	}
	age = "<unknown>"
	if !oldest.IsZero() {
		age = duration.HumanDuration(now.Sub(oldest))
	}
	return ready, orNone(stateList, "Missing"), orNone(nodeList, "<none>"), age
}

func appendNew(list []string, item string) []string {
	for _, known := range list {
		if known == item {
			return list
		}
	}
	if item == "" {
		return list
	}
	return append(list, item)
}

func orNone(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ",")
}
