package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const historyLong = `Look at the builds of a builder that have ended or are running, on all its members, of all users.

The builder's daemon keeps these records itself, so they are there though the client is gone; old ones are
collected, pinned ones stay.

REF is a build's reference or the beginning of it, as "history list" shows it. "latest", or no REF, is the newest
build; ^1 is the one before it.`

const historyExample = `  # What was built lately, and why it failed
  kubectl buildkit history list
  kubectl buildkit history inspect
  kubectl buildkit history logs ^1

  # A report of the latest build
  kubectl buildkit history report -o build.html`

func newHistoryCommand(f *factory) *cobra.Command {
	c := &cobra.Command{
		Use:     "history",
		Short:   "Look at past builds",
		Long:    historyLong,
		Example: historyExample,
	}
	o := &connectOptions{named: true}
	o.register(c.PersistentFlags())
	c.PersistentFlags().StringVar(&o.builder, "builder", builder.DefaultName, "The builder whose builds are meant")
	c.AddCommand(
		newHistoryListCommand(f, o),
		newHistoryStatsCommand(f, o),
		newHistoryInspectCommand(f, o),
		newHistoryLogsCommand(f, o),
		newHistoryReportCommand(f, o),
		newHistoryExportCommand(f, o),
		newHistoryPinCommand(f, o),
		newHistoryRemoveCommand(f, o),
	)
	return c
}

// atMostOneRef is for commands that are about one build.
func atMostOneRef(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("takes one REF, got %d: %q", len(args), args)
	}
	return nil
}

// oneRefOrMore is for commands that change records.
func oneRefOrMore(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &usage.Error{What: c.Name() + " needs the REF of a build", Next: "kubectl buildkit history list"}
	}
	return nil
}

func refArgument(args []string) string {
	if len(args) == 0 {
		return history.Latest
	}
	return args[0]
}

// withRecord finds the build and lets use have its record.
func (f *factory) withRecord(
	ctx context.Context, o connectOptions, ref string, use func(context.Context, driver.ConnectOptions, driver.Record) error,
) error {
	return f.withRecords(ctx, o, []string{ref}, use)
}

// withRecords finds all builds first, so that a wrong REF changes nothing.
func (f *factory) withRecords(
	ctx context.Context, o connectOptions, refs []string, use func(context.Context, driver.ConnectOptions, driver.Record) error,
) error {
	if err := o.check(); err != nil {
		return err
	}
	records, err := f.FindRecords(ctx, o.driver(), refs...)
	if err != nil {
		return err
	}
	for _, record := range records {
		if err := use(ctx, o.driver(), record); err != nil {
			return err
		}
	}
	return nil
}
