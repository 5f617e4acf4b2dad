package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
)

const historyRemoveExample = `  # Forget a build, by the beginning of its reference
  kubectl buildkit history rm k3yb0

  # Forget all builds that have ended, but for pinned ones
  kubectl buildkit history rm --all`

func newHistoryRemoveCommand(f *factory, connect *connectOptions) *cobra.Command {
	all := false
	c := &cobra.Command{
		Use:   "rm REF... | --all",
		Short: "Remove records of builds",
		Long: "Remove the records of builds that have ended, with their logs and traces. Images and the cache stay. --all\n" +
			"leaves out pinned builds and those that run. The references of what was removed are printed.",
		Example: historyRemoveExample,
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return errors.New("takes the REFs of builds, or --all")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if all {
				return runHistoryRemoveAll(c.Context(), f, *connect)
			}
			return f.withRecords(c.Context(), *connect, args, func(ctx context.Context, o driver.ConnectOptions, record driver.Record) error {
				if err := f.RemoveRecord(ctx, o, record); err != nil {
					return err
				}
				return f.removed(record.Record)
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "Remove all but pinned builds and those that run")
	return c
}

const historyPinExample = `  # Keep the record of the latest build, whatever comes after it
  kubectl buildkit history pin latest

  # Let it go with the others
  kubectl buildkit history pin --undo latest`

func newHistoryPinCommand(f *factory, connect *connectOptions) *cobra.Command {
	undo := false
	c := &cobra.Command{
		Use:     "pin REF...",
		Short:   "Keep records of builds",
		Long:    "Keep the records of builds when old ones are collected, or with --undo let them go.",
		Example: historyPinExample,
		Args:    oneRefOrMore,
		RunE: func(c *cobra.Command, args []string) error {
			return f.withRecords(c.Context(), *connect, args, func(ctx context.Context, o driver.ConnectOptions, record driver.Record) error {
				return f.PinRecord(ctx, o, record, !undo)
			})
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "Let them be collected as others are")
	return c
}

// removed prints the reference of a record.
func (f *factory) removed(record history.Record) error {
	_, err := escape.Fprintln(f.streams.Out, record.Ref)
	return err
}

// runHistoryRemoveAll asks every member once.
func runHistoryRemoveAll(ctx context.Context, f *factory, o connectOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	return f.RemoveRecords(ctx, o.driver(), f.removed)
}
