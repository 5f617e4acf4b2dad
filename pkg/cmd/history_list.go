package cmd

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/view"
)

const historyListLong = `List the builds that the builder's members have a record of, the newest first.

A filter is a key, an operator and a value: status=error (or running, waiting, completed, canceled), name=TEXT, ref=TEXT,
repository=TEXT with = and !=; startedAt, completedAt (how long ago, or a time) and duration with <, <=, >, >=. Several
filters must all match. With --format json every line is a build, with the keys of docker buildx history ls and more; -o has
kubectl's formats.`

const historyListExample = `  # What failed today
  kubectl buildkit history list --filter status=error --filter 'startedAt>24h'

  # The references of builds that took more than a minute
  kubectl buildkit history list --filter 'duration>1m' --quiet

  # For programs
  kubectl buildkit history list -o json`

type historyListOptions struct {
	filters []string
	format  string
	output  output.Format
	quiet   bool
}

func newHistoryListCommand(f *factory, connect *connectOptions) *cobra.Command {
	o := historyListOptions{}
	c := &cobra.Command{
		Use:     "list [NAME]",
		Aliases: []string{"ls"},
		Short:   "List builds",
		Long:    historyListLong,
		Example: historyListExample,
		Args:    oneBuilder,
		RunE: func(c *cobra.Command, args []string) error {
			of := *connect
			of.builder = nameArgument(c, args)
			return runHistoryList(c.Context(), f, of, o)
		},
	}
	c.Flags().Var((*list)(&o.filters), "filter", "Only builds that match, e.g. status=error (repeatable)")
	c.Flags().StringVar(&o.format, "format", formatTable, "As docker's: table, or json with a line a build")
	o.output.Register(c.Flags())
	c.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "Print the references alone")
	return c
}

// The values of --format.
const (
	formatTable = "table"
	formatText  = "text"
	formatJSON  = "json"
)

// checkFormat refuses all formats but these two.
func checkFormat(format, readable string) error {
	if format == readable || format == formatJSON {
		return nil
	}
	return &usage.Error{What: "--format", Value: format, Reason: "no such format", Next: "use " + readable + " or " + formatJSON}
}

func runHistoryList(ctx context.Context, f *factory, connect connectOptions, o historyListOptions) error {
	if err := errors.Join(checkFormat(o.format, formatTable), o.output.Check(), connect.check()); err != nil {
		return err
	}
	filters, err := history.ParseFilters(o.filters, time.Now())
	if err != nil {
		return err
	}
	records, err := f.Records(ctx, connect.driver(), filters)
	switch {
	case err != nil && len(records) == 0:
		return err
	case o.quiet:
		for _, record := range records {
			escape.Fprintln(f.streams.Out, record.Ref)
		}
		return err
	case o.format == formatJSON:
		return cmp.Or(err, view.PrintLines(f.streams.Results(), records))
	case len(records) == 0 && o.output.ForPeople():
		escape.Fprintln(f.streams.ErrOut, "no builds")
		return nil
	}
	return cmp.Or(err, o.output.Print(f.streams.Results(), view.Builds(records, time.Now())))
}
