package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/report"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/view"
)

const historyStatsLong = `Show the numbers of the builds that the builder's members have a record of: how they ended, the share of their steps
that was cached, how long they took and waited in the queue, and which steps took the most time.

P50 and P95 are the times that half and 95 % of the builds did not exceed; of those that succeeded or failed, without
the time in the queue. A step's runs are added up under its name, without those that were cached. A build that two
members have a record of counts once. --by builder counts all builders of the namespace, unless one is named.

With -o json and yaml, "totals" and every item have counts of builds, "steps", "cachedSteps", "hitRate" (0 to 1), and
"durationSeconds" and "waitSeconds" with p50, p95 and max; "slowestSteps" have "runs", "totalSeconds" and "p95Seconds";
"uncounted" are builds whose steps could not be read.`

const historyStatsExample = `  # The builds of the last day, by member
  kubectl buildkit history stats --since 24h

  # Who builds what how often
  kubectl buildkit history stats --by user
  kubectl buildkit history stats --by context

  # A page of HTML about failed builds, beside the table
  kubectl buildkit history stats --filter status=error --report stats.html

  # The hit rate, for a script
  kubectl buildkit history stats -o jsonpath='{.totals.hitRate}'`

type historyStatsOptions struct {
	filters []string
	by      string
	since   time.Duration
	report  string
	output  output.Format
}

func newHistoryStatsCommand(f *factory, connect *connectOptions) *cobra.Command {
	o := historyStatsOptions{}
	c := &cobra.Command{
		Use:     "stats [NAME]",
		Short:   "Show the numbers of all builds",
		Long:    historyStatsLong,
		Example: historyStatsExample,
		Args:    oneBuilder,
		RunE: func(c *cobra.Command, args []string) error {
			of := *connect
			of.builder = nameArgument(c, args)
			all := o.by == string(stats.ByBuilder) && namedBuilder(c, args) == ""
			return runHistoryStats(c.Context(), f, of, all, o)
		},
	}
	c.Flags().Var((*list)(&o.filters), "filter", "Only builds that match, as for history list, e.g. status=error (repeatable)")
	c.Flags().StringVar(&o.by, "by", string(stats.ByMember), "What to group builds by: "+stats.Groupings())
	c.Flags().DurationVar(&o.since, "since", 0, "Only builds that were created less than this long ago, e.g. 24h")
	c.Flags().StringVar(&o.report, "report", "", "Also write the numbers to this file, one page of HTML")
	o.output.Register(c.Flags())
	return c
}

func (o historyStatsOptions) check() (history.Filters, error) {
	filters, err := history.ParseFilters(o.filters, time.Now())
	if !stats.By(o.by).Known() {
		err = errors.Join(err, &usage.Error{What: "--by", Value: o.by, Reason: "unknown group", Next: "must be one of: " + stats.Groupings()})
	}
	if o.since < 0 {
		err = errors.Join(err, &usage.Error{What: "--since", Value: o.since.String(), Reason: "it is negative", Next: "write e.g. 24h"})
	}
	return filters, errors.Join(err, o.output.Check())
}

func runHistoryStats(ctx context.Context, f *factory, connect connectOptions, all bool, o historyStatsOptions) error {
	filters, err := o.check()
	if err := errors.Join(err, connect.check()); err != nil {
		return err
	}
	namespace, err := f.Namespace()
	if err != nil {
		return err
	}
	measure := f.Measure
	if all {
		measure = f.MeasureAll
	}
	if o.report == "" {
		measured, err := measure(ctx, connect.driver(), filters, o.since)
		return printStats(f, o, measured, err)
	}
	var silent error // is reported when the page of the others has been written
	err = f.withOutput(ctx, "--report", o.report, func(w io.Writer) error {
		measured, err := measure(ctx, connect.driver(), filters, o.since)
		if measured.Members == 0 && err != nil {
			return err
		}
		silent = printStats(f, o, measured, err)
		title := fmt.Sprintf("Builds of builder %q in namespace %q", connect.builder, namespace)
		if all {
			title = fmt.Sprintf("Builds of all builders in namespace %q", namespace)
		}
		return report.WriteNumbers(w, o.page(title, measured))
	})
	return errors.Join(err, silent)
}

// printStats prints the numbers of the members that answered, and returns why others did not.
func printStats(f *factory, o historyStatsOptions, measured driver.Measured, silent error) error {
	if measured.Members == 0 && silent != nil {
		return silent
	}
	for _, line := range view.Uncounted(measured) {
		escape.Fprintln(f.streams.ErrOut, "warning: "+line)
	}
	if len(measured.Builds) == 0 && o.output.ForPeople() {
		escape.Fprintln(f.streams.ErrOut, "no builds")
		return silent
	}
	by := stats.By(o.by)
	if err := o.output.Print(f.streams.Results(), view.Stats(stats.Sum(measured.Builds, by), by, measured)); err != nil {
		return err
	}
	return silent
}

func (o historyStatsOptions) page(title string, measured driver.Measured) report.Numbers {
	facts := []report.Fact{{Name: "Written", Value: time.Now().Format(time.RFC3339)}, {Name: "Members", Value: fmt.Sprint(measured.Members)}}
	if o.since > 0 {
		facts = append(facts, report.Fact{Name: "Since", Value: o.since.String()})
	}
	for _, filter := range o.filters {
		facts = append(facts, report.Fact{Name: "Filter", Value: filter})
	}
	by := stats.By(o.by)
	return report.Numbers{Title: title, Facts: facts, By: by, Summary: stats.Sum(measured.Builds, by), Notes: view.Uncounted(measured)}
}
