package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcache"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/terminal"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/view"
)

const pruneLong = `Remove what the members of a builder keep in their caches, and tell what each has freed.

Nothing that a build uses is removed. The flags are those of "docker buildx prune"; the amounts of space are for each
member. Asks first, unless --force is given.`

const pruneExample = `  # All that no build uses
  kubectl buildkit prune

  # What no build has used for a week, without being asked
  kubectl buildkit prune --filter until=168h --force

  # Down to 10 GiB on each member, the longest unused first
  kubectl buildkit prune --max-used-space 10gb --force

  # The cache mounts alone, and which they were
  kubectl buildkit prune --filter type=exec.cachemount --verbose`

type pruneOptions struct {
	connect             connectOptions
	format              output.Format
	filters             []string
	all, force, verbose bool

	reservedSpace, maxUsedSpace, minFreeSpace string
	// keepStorage is docker's old name of reservedSpace.
	keepStorage string
}

func newPruneCommand(f *factory, run func(context.Context, *pruneOptions) error) *cobra.Command {
	o := &pruneOptions{}
	if run == nil {
		run = func(ctx context.Context, o *pruneOptions) error { return runPrune(ctx, f, o) }
	}
	c := &cobra.Command{
		Use:     "prune [NAME]",
		Short:   "Remove a builder's cache",
		Long:    pruneLong,
		Example: pruneExample,
		RunE: func(c *cobra.Command, args []string) error {
			o.connect.builder = nameArgument(c, args)
			return run(c.Context(), o)
		},
	}
	o.register(c.Flags())
	takesBuilder(c)
	return c
}

func (o *pruneOptions) register(flags *pflag.FlagSet) {
	flags.BoolVarP(&o.all, "all", "a", false, "Include internal records, those of frontends, and what images share")
	flags.Var((*list)(&o.filters), "filter", filterHelp)
	flags.StringVar(&o.reservedSpace, "reserved-space", "", "Space that the cache may keep in any case, e.g. 2gb")
	flags.StringVar(&o.maxUsedSpace, "max-used-space", "", "Space that the cache may use at most, e.g. 10gb")
	flags.StringVar(&o.minFreeSpace, "min-free-space", "", "Space to keep free on the disk, e.g. 5gb")
	flags.StringVar(&o.keepStorage, "keep-storage", "", "The old name of --reserved-space")
	flags.Lookup("keep-storage").Hidden = true
	flags.BoolVarP(&o.force, "force", "f", false, "Do not ask")
	flags.BoolVar(&o.verbose, "verbose", false, "Print all that is known of each removed record")
	o.format.Register(flags)
	o.connect.register(flags)
}

// pruning checks the flags.
func (o *pruneOptions) pruning() (solve.Pruning, error) {
	filter, err := buildcache.ParseFilter(o.filters)
	err = errors.Join(err, o.connect.check(), o.format.Check())
	what := solve.Pruning{All: o.all, Filters: filter.Expressions(), UnusedFor: filter.UnusedFor}
	for _, space := range []struct {
		flag, text string
		bytes      *int64
	}{
		{"--keep-storage", o.keepStorage, &what.ReservedBytes},
		{"--reserved-space", o.reservedSpace, &what.ReservedBytes},
		{"--max-used-space", o.maxUsedSpace, &what.MaxUsedBytes},
		{"--min-free-space", o.minFreeSpace, &what.MinFreeBytes},
	} {
		if space.text == "" {
			continue
		}
		bytes, sizeErr := request.ParseBytes(space.text)
		if sizeErr != nil {
			err = errors.Join(err, &usage.Error{What: space.flag, Value: space.text, Reason: sizeErr.Error(), Next: "write e.g. 10gb"})
		}
		*space.bytes = bytes
	}
	return what, err
}

func runPrune(ctx context.Context, f *factory, o *pruneOptions) error {
	what, err := o.pruning()
	if err != nil {
		return err
	}
	if o.keepStorage != "" {
		escape.Fprintln(f.streams.ErrOut, "warning: --keep-storage is the old name of --reserved-space")
	}
	if !o.force {
		namespace, err := f.Namespace()
		if err != nil {
			return err
		}
		agreed, err := f.agree(ctx, o.question(f.place(namespace)))
		if err != nil || !agreed {
			return err
		}
	}
	heard, err := driver.AskMembers(ctx, f.Driver, o.connect.driver(), func(ctx context.Context, b *driver.Connection) ([]buildcache.Record, error) {
		removed, err := b.Daemon.Prune(ctx, what)
		var records []buildcache.Record
		for _, each := range removed {
			records = append(records, buildcache.NewRecord(b.Member.Pod, each))
		}
		return records, err
	})
	if len(heard) == 0 {
		return err
	}
	freed, now := view.CacheOf(heard), time.Now()
	buildcache.Sort(freed.Records, "size")
	answer := freed.Answer(now)
	delete(answer.Beside, "types") // not told of what is gone
	answer.Text = func(w io.Writer, wide bool) error {
		if o.verbose && len(freed.Records) > 0 {
			if err := view.PrintRecords(w, freed.Records, now); err != nil {
				return err
			}
			escape.Fprintln(w)
		}
		return freed.PrintFreed(w)
	}
	if err := o.format.Print(f.streams.Results(), answer); err != nil {
		return err
	}
	return err
}

// question is what the user must agree to.
func (o *pruneOptions) question(place string) string {
	which := "the build cache that no build uses"
	switch {
	case len(o.filters) > 0:
		which = "the build cache that fits " + strings.Join(o.filters, " and ")
	case o.all:
		which = "all of the build cache, internal records too,"
	}
	return fmt.Sprintf("This removes %s from every member of builder %q in %s. Continue?", which, o.connect.builder, place)
}

// agree asks, also where a program answers on standard input.
func (f *factory) agree(ctx context.Context, question string) (bool, error) {
	attended := terminal.Is(f.streams.In)
	unasked := &usage.Error{What: "prune", Reason: "cannot prompt for confirmation: standard input is empty", Next: "add --force"}
	if attended && !f.streams.Interactive() { // the question would be written where it is not read
		unasked.Reason = "cannot prompt for confirmation: the error stream is not a terminal"
		return false, unasked
	}
	agreed, err := f.streams.Confirm(ctx, question)
	switch {
	case errors.Is(err, io.EOF) && !attended:
		return false, unasked
	case err != nil && !errors.Is(err, io.EOF):
		return false, err
	case !agreed:
		escape.Fprintln(f.streams.ErrOut, "nothing was removed")
	}
	return agreed, nil
}
