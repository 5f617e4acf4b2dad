package cmd

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcache"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/view"
)

const duLong = `Show what the members of a builder keep in their caches: each record, then what they add up to.

A record is a layer (regular), a copy of a build context (source.local), a git checkout (source.git.checkout), the
content of a cache mount (exec.cachemount), or something of BuildKit's own (frontend, internal). Reclaimable ones are
not in use: "prune" removes them. Shared bytes are also those of an image that the daemon has.`

const duExample = `  # What takes the space
  kubectl buildkit du

  # Cache mounts alone, the longest unused first
  kubectl buildkit du --filter type=exec.cachemount --sort-by used

  # What no build has used for a week, with its description
  kubectl buildkit du --filter until=168h -o wide

  # The bytes of all members, for a script
  kubectl buildkit du -o jsonpath='{.totals.sizeBytes}'`

// filterHelp is about the filters of du and prune alike.
const filterHelp = "Records to look at: until=24h (unused for), id=PREFIX, type=, description~=, inuse, mutable, immutable, shared, private"

type duOptions struct {
	connect connectOptions
	format  output.Format
	filters []string
	order   string
	verbose bool
}

func newDuCommand(f *factory, run func(context.Context, *duOptions) error) *cobra.Command {
	o := &duOptions{}
	if run == nil {
		run = func(ctx context.Context, o *duOptions) error { return runDu(ctx, f, o) }
	}
	c := &cobra.Command{
		Use:     "du [NAME]",
		Short:   "Show the disk usage of a builder's cache",
		Long:    duLong,
		Example: duExample,
		RunE: func(c *cobra.Command, args []string) error {
			o.connect.builder = nameArgument(c, args)
			return run(c.Context(), o)
		},
	}
	o.register(c.Flags())
	takesBuilder(c)
	return c
}

func (o *duOptions) register(flags *pflag.FlagSet) {
	flags.Var((*list)(&o.filters), "filter", filterHelp)
	flags.StringVar(&o.order, "sort-by", "size", "Order of the records: "+strings.Join(buildcache.Orders(), ", "))
	flags.BoolVar(&o.verbose, "verbose", false, "Print all that is known of each record")
	o.format.Register(flags)
	o.connect.register(flags)
}

func (o *duOptions) check() (buildcache.Filter, error) {
	filter, err := buildcache.ParseFilter(o.filters)
	if !buildcache.Sort(nil, o.order) {
		err = errors.Join(err, &usage.Error{
			What: "--sort-by", Value: o.order, Reason: "unknown order", Next: "use " + strings.Join(buildcache.Orders(), ", "),
		})
	}
	return filter, errors.Join(err, o.connect.check(), o.format.Check())
}

func runDu(ctx context.Context, f *factory, o *duOptions) error {
	filter, err := o.check()
	if err != nil {
		return err
	}
	now := time.Now()
	heard, err := driver.AskMembers(ctx, f.Driver, o.connect.driver(), func(ctx context.Context, b *driver.Connection) ([]buildcache.Record, error) {
		found, err := b.Daemon.CacheRecords(ctx, filter.Expressions())
		var records []buildcache.Record
		for _, each := range found {
			if record := buildcache.NewRecord(b.Member.Pod, each); filter.Fits(record, now) {
				records = append(records, record)
			}
		}
		return records, err
	})
	if len(heard) == 0 {
		return err
	}
	cache := view.CacheOf(heard)
	buildcache.Sort(cache.Records, o.order)
	answer := cache.Answer(now)
	if o.verbose {
		answer.Text = func(w io.Writer, _ bool) error { return view.PrintRecords(w, cache.Records, now) }
	}
	if err := o.format.Print(f.streams.Results(), answer); err != nil {
		return err
	}
	if o.format.ForPeople() {
		if len(cache.Records) == 0 {
			escape.Fprintln(f.streams.ErrOut, "no records")
		}
		if err := cache.PrintTotals(f.streams.Out); err != nil {
			return err
		}
	}
	return err
}
