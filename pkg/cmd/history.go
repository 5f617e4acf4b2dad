package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/moby/buildkit/client"
	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const historyLong = `Look at the builds of a builder that have ended or are running, on all its members, whoever started them.

The builder's daemon keeps these records itself, so they are there though the client is gone; old ones are
collected, pinned ones stay.

REF is a build's reference or the beginning of it, as "history list" shows it. "latest", or no REF, is the newest
build; ^1 is the one before it.`

const historyExample = `  # What was built lately, and why it failed
  kubectl buildkit history list
  kubectl buildkit history inspect
  kubectl buildkit history logs ^1

  # A picture of the latest build
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

// kept is a record and the way to the member that keeps it.
type kept struct {
	history.Record
	member     cluster.Member
	connection *cluster.Connection
}

// records are those of all members, the newest first. Where some members do not answer, the others' come with the
// error.
func (f *factory) records(ctx context.Context, o connectOptions, filters history.Filters) ([]kept, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	answers, err := driver.AskMembers(ctx, f.Driver, o.driver(), func(ctx context.Context, b *driver.Connection) (found []kept, err error) {
		return found, b.Daemon.Ask(ctx, func(c *client.Client) error {
			records, err := history.List(ctx, c, filters)
			for _, record := range records {
				found = append(found, kept{Record: record, member: b.Member, connection: b.Certificates})
			}
			return err
		})
	})
	var all []kept
	for _, each := range answers {
		all = append(all, each.Value...)
	}
	slices.SortStableFunc(all, func(a, b kept) int { return history.Newer(a.Record, b.Record) })
	return all, err
}

// choose finds the build that each ref means. A member that does not answer is an error only where the build is not
// found: it may have it.
func choose(records []kept, refs []string, silence error) ([]kept, error) {
	plain := make([]history.Record, len(records))
	for i, record := range records {
		plain[i] = record.Record
	}
	if silence != nil && len(records) == 0 {
		return nil, silence // nothing is known of any build
	}
	var chosen []kept
	for _, ref := range refs {
		index, err := history.Find(plain, ref)
		if err != nil {
			return nil, errors.Join(silence, err)
		}
		chosen = append(chosen, records[index])
	}
	return chosen, nil
}

// withRecord finds the build and lets use have the client of the member that keeps its record.
func (f *factory) withRecord(
	ctx context.Context, o connectOptions, ref string, use func(context.Context, *client.Client, kept) error,
) error {
	records, silence := f.records(ctx, o, nil)
	chosen, err := choose(records, []string{ref}, silence)
	if err != nil {
		return err
	}
	return f.withKeeper(ctx, o, chosen[0], func(ctx context.Context, c *client.Client) error { return use(ctx, c, chosen[0]) })
}

// withKeeper connects to the member that keeps the record.
func (f *factory) withKeeper(
	ctx context.Context, o connectOptions, record kept, use func(context.Context, *client.Client) error,
) error {
	_, err := driver.Ask(ctx, f.Driver, o.driver(), record.member, record.connection, func(ctx context.Context, b *driver.Connection) (struct{}, error) {
		return struct{}{}, b.Daemon.Ask(ctx, func(c *client.Client) error { return use(ctx, c) })
	})
	return err
}

// buildRefs completes with the builds there are, the newest first.
func buildRefs(ctx context.Context, q inquiry) []string {
	o := connectOptions{builder: builder.DefaultName, named: true, transport: string(tunnel.Auto)}
	if named, err := q.command.Flags().GetString("builder"); err == nil {
		o.builder = named
	}
	records, _ := q.records(ctx, o, nil) // of members that do not answer, nobody learns more while typing
	words := []string{history.Latest + "\tthe newest build"}
	for _, record := range records {
		words = append(words, fmt.Sprintf("%s\t%s %s", record.Ref, record.Status, record.Name))
	}
	return words
}
