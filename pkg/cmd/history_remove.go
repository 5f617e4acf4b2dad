package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/buildkit/client"
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
			return f.withEach(c.Context(), *connect, args, func(ctx context.Context, c *client.Client, record kept) error {
				if record.Status == history.Running {
					return fmt.Errorf("build %q still runs: its record can be removed when it has ended", record.Ref)
				}
				return f.removeRecord(ctx, c, record)
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
			return f.withEach(c.Context(), *connect, args, func(ctx context.Context, c *client.Client, record kept) error {
				return history.Pin(ctx, c, record.Ref, !undo)
			})
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "Let them be collected as others are")
	return c
}

// withEach finds all builds first, so that a wrong REF changes nothing.
func (f *factory) withEach(
	ctx context.Context, o connectOptions, refs []string, use func(context.Context, *client.Client, kept) error,
) error {
	records, silence := f.records(ctx, o, nil)
	chosen, err := choose(records, refs, silence)
	if err != nil {
		return err
	}
	for _, record := range chosen {
		err := f.withKeeper(ctx, o, record, func(ctx context.Context, c *client.Client) error { return use(ctx, c, record) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *factory) removeRecord(ctx context.Context, c *client.Client, record kept) error {
	if err := history.Remove(ctx, c, record.Ref); err != nil {
		return fmt.Errorf("removing the record of build %q: %w", record.Ref, err)
	}
	_, err := escape.Fprintln(f.streams.Out, record.Ref)
	return err
}

// runHistoryRemoveAll asks every member once.
func runHistoryRemoveAll(ctx context.Context, f *factory, o connectOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	_, err := driver.AskMembers(ctx, f.Driver, o.driver(), func(ctx context.Context, b *driver.Connection) (struct{}, error) {
		return struct{}{}, b.Daemon.Ask(ctx, func(c *client.Client) error {
			records, err := history.List(ctx, c, nil)
			for _, record := range records {
				if err != nil {
					break
				}
				if record.Status != history.Running && !record.Pinned {
					err = f.removeRecord(ctx, c, kept{Record: record})
				}
			}
			return err
		})
	})
	return err
}
