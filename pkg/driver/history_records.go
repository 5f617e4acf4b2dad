package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
)

// Record is a record of the history and the member that has it.
type Record struct {
	history.Record
	Member cluster.Member

	certificates *cluster.Connection
	// copies are on members whose volume began as a clone of another member's, history included.
	copies []Record
}

// Records returns the records of all members, the newest first, and each build once: one that
// several members have a record of is shown with the first of them. Where some members do not
// answer, the others' come with a *NoAnswerError; any other error is one of AskMembers.
func (d *Driver) Records(ctx context.Context, o ConnectOptions, filters history.Filters) ([]Record, error) {
	answers, err := AskMembers(ctx, d, o, func(ctx context.Context, c *Connection) (found []Record, err error) {
		return found, c.Daemon.Call(ctx, func(asked *client.Client) error {
			records, err := history.List(ctx, asked, filters)
			for _, record := range records {
				found = append(found, Record{Record: record, Member: c.Member, certificates: c.Certificates})
			}
			return err
		})
	})
	var all []Record
	for _, each := range answers {
		all = append(all, each.Value...)
	}
	all = withoutCopies(all)
	slices.SortStableFunc(all, func(a, b Record) int { return history.Newer(a.Record, b.Record) })
	return all, err
}

// withoutCopies gives a build's first record the others.
func withoutCopies(all []Record) []Record {
	var distinct []Record
	at := map[string]int{}
	for _, record := range all {
		if n, known := at[record.Ref]; known {
			distinct[n].copies = append(distinct[n].copies, record)
			continue
		}
		at[record.Ref] = len(distinct)
		distinct = append(distinct, record)
	}
	return distinct
}

// FindRecords returns the record that each ref means. A member that does not answer is an error
// only where the record is not found: it may have it. The error is that of Records, a
// *history.NotFoundError, or a *usage.Error for a ref that several builds have; the last two are
// joined with a *NoAnswerError where some members did not answer.
func (d *Driver) FindRecords(ctx context.Context, o ConnectOptions, refs ...string) ([]Record, error) {
	records, silent := d.Records(ctx, o, nil)
	return choose(records, refs, silent)
}

func choose(records []Record, refs []string, silent error) ([]Record, error) {
	plain := make([]history.Record, len(records))
	for i, record := range records {
		plain[i] = record.Record
	}
	if silent != nil && len(records) == 0 {
		return nil, silent // nothing is known of any build
	}
	var chosen []Record
	for _, ref := range refs {
		index, err := history.Find(plain, ref)
		if err != nil {
			return nil, errors.Join(silent, err)
		}
		chosen = append(chosen, records[index])
	}
	return chosen, nil
}

// ReadRecord lets read, e.g. history.Inspect or history.Draw, ask the member that has the record.
// The error is that of Ask, or of read.
func ReadRecord[T any](
	ctx context.Context, d *Driver, o ConnectOptions, record Record, read func(context.Context, *client.Client, history.Record) (T, error),
) (T, error) {
	return Ask(ctx, d, o, record.Member, record.certificates, func(ctx context.Context, c *Connection) (found T, err error) {
		return found, c.Daemon.Call(ctx, func(asked *client.Client) (err error) {
			found, err = read(ctx, asked, record.Record)
			return err
		})
	})
}

func (d *Driver) onRecord(ctx context.Context, o ConnectOptions, record Record, do func(context.Context, *client.Client) error) error {
	_, err := ReadRecord(ctx, d, o, record, func(ctx context.Context, c *client.Client, _ history.Record) (struct{}, error) {
		return struct{}{}, do(ctx, c)
	})
	return err
}

// ExportRecord writes the record as history.Export does. The error is that of Ask, of
// history.Export, or of w.
func (d *Driver) ExportRecord(ctx context.Context, o ConnectOptions, record Record, w io.Writer) error {
	return d.onRecord(ctx, o, record, func(ctx context.Context, c *client.Client) error { return history.Export(ctx, c, w, record.Record) })
}

// PinRecord keeps the record when old ones are collected, or does not any more. The error is that
// of Ask.
func (d *Driver) PinRecord(ctx context.Context, o ConnectOptions, record Record, keep bool) error {
	return d.onCopies(ctx, o, record, func(ctx context.Context, c *client.Client) error { return history.Pin(ctx, c, record.Ref, keep) })
}

// onCopies is onRecord on every member that has the record.
func (d *Driver) onCopies(ctx context.Context, o ConnectOptions, record Record, do func(context.Context, *client.Client) error) error {
	for _, each := range append([]Record{record}, record.copies...) {
		if err := d.onRecord(ctx, o, each, do); err != nil {
			return err
		}
	}
	return nil
}

// RemoveRecord removes the record of a build that has ended. The error is that of Ask; one of a
// build that runs has no type.
func (d *Driver) RemoveRecord(ctx context.Context, o ConnectOptions, record Record) error {
	if record.Status == history.Running || record.Status == history.Waiting {
		return fmt.Errorf("build %q is %s: its record can be removed when it has ended", record.Ref, record.Status)
	}
	return d.onCopies(ctx, o, record, func(ctx context.Context, c *client.Client) error { return remove(ctx, c, record.Record) })
}

func remove(ctx context.Context, c *client.Client, record history.Record) error {
	for _, ref := range record.Refs() {
		if err := history.Remove(ctx, c, ref); err != nil {
			return fmt.Errorf("removing the record of build %q: %w", record.Ref, err)
		}
	}
	return nil
}

// RemoveRecords removes the records of all builds that have ended and are not pinned, on all
// members, and calls removed with each build once, at the same time for several. The error is that
// of AskMembers, or of removed.
func (d *Driver) RemoveRecords(ctx context.Context, o ConnectOptions, removed func(history.Record) error) error {
	var reported sync.Map // by Ref: several members may have a record of one build
	_, err := AskMembers(ctx, d, o, func(ctx context.Context, c *Connection) (struct{}, error) {
		return struct{}{}, c.Daemon.Call(ctx, func(asked *client.Client) error {
			records, err := history.List(ctx, asked, nil)
			for _, record := range records {
				if err != nil {
					break
				}
				if record.Status != history.Running && record.Status != history.Waiting && !record.Pinned {
					err = remove(ctx, asked, record)
					if _, known := reported.LoadOrStore(record.Ref, true); err == nil && !known {
						err = removed(record)
					}
				}
			}
			return err
		})
	})
	return err
}

// ReplayRecord shows the statuses of a build again; of one that runs, until it has ended. The error
// is that of Ask.
func (d *Driver) ReplayRecord(ctx context.Context, o ConnectOptions, record Record, display solve.Display) error {
	if record.Status == history.Waiting {
		return fmt.Errorf("build %q waits at place %d of the queue: it has no log yet", record.Ref, record.Place)
	}
	return d.onRecord(ctx, o, record, func(ctx context.Context, c *client.Client) error {
		statuses := display.Attach()
		defer close(statuses)
		return history.Replay(ctx, c, record.Ref, func(status *client.SolveStatus) { statuses <- status })
	})
}

// Measured are the numbers of the builds of one builder or several.
type Measured struct {
	Builds  []stats.Build
	Unread  []Unread
	Members int // that answered
}

// Unread is a build whose steps are not counted, and the Pod that has its record.
type Unread struct {
	history.Unread
	Member string
}

// Measure asks all members of a builder at once for the numbers of their builds, as history.Measure
// does. Where some members do not answer, the numbers of the others come with a *NoAnswerError; any
// other error is one of AskMembers.
func (d *Driver) Measure(ctx context.Context, o ConnectOptions, filters history.Filters, since time.Duration) (Measured, error) {
	answers, err := AskMembers(ctx, d, o, func(ctx context.Context, c *Connection) (found history.Measured, err error) {
		return found, c.Daemon.Call(ctx, func(asked *client.Client) error {
			found, err = history.Measure(ctx, asked, filters, since)
			return err
		})
	})
	sum := Measured{Members: len(answers)}
	for _, each := range answers {
		for _, build := range each.Value.Builds {
			build.Builder, build.Member = each.Member.Builder, each.Member.Pod
			sum.Builds = append(sum.Builds, build)
		}
		for _, unread := range each.Value.Unread {
			sum.Unread = append(sum.Unread, Unread{unread, each.Member.Pod})
		}
	}
	return sum, err
}

// MeasureAll is Measure for all builders of the namespace at once, instead of the one of o. The
// error is that of the cluster, or those of the builders, joined.
func (d *Driver) MeasureAll(ctx context.Context, o ConnectOptions, filters history.Filters, since time.Duration) (Measured, error) {
	c, err := d.Cluster()
	if err != nil {
		return Measured{}, err
	}
	builders, err := c.List(ctx, false)
	if err != nil {
		return Measured{}, err
	}
	builders = slices.DeleteFunc(builders, func(b cluster.Builder) bool { return b.Ephemeral }) // which only their clients reach
	found, errs := make([]Measured, len(builders)), make([]error, len(builders))
	var all sync.WaitGroup
	for i, each := range builders {
		of := o
		of.Builder = each.Name
		all.Go(func() { found[i], errs[i] = d.Measure(ctx, of, filters, since) })
	}
	all.Wait()
	sum := Measured{}
	for _, each := range found {
		sum.Builds, sum.Unread = append(sum.Builds, each.Builds...), append(sum.Unread, each.Unread...)
		sum.Members += each.Members
	}
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return sum, errs[0]
	}
	return sum, errors.Join(errs...)
}
