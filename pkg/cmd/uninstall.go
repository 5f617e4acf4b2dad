package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/terminal"
)

const uninstallLong = `Remove a builder: exactly the objects that install made.

Its Pod stops once its running builds have ended; --force stops it at once. Volumes stay, and are used again by the next
install of that name, unless --purge removes them too, which asks on a terminal.`

const uninstallExample = `  # Remove the builder named buildkitd
  kubectl buildkit uninstall

  # Remove another one now, with its volumes, whatever it is doing
  kubectl buildkit uninstall team --purge --force`

// uninstallOptions are the flags of uninstall.
type uninstallOptions struct {
	install.UninstallOptions
	ignoreNotFound, yes bool
}

func newUninstallCommand(f *factory) *cobra.Command {
	options := uninstallOptions{}
	wait := true
	c := &cobra.Command{
		Use:     "uninstall [NAME]",
		Short:   "Remove a builder",
		Long:    uninstallLong,
		Example: uninstallExample,
		RunE: func(c *cobra.Command, args []string) error {
			options.NoWait = !wait
			return runUninstall(c.Context(), f, nameArgument(c, args), options)
		},
	}
	flags := c.Flags()
	flags.BoolVar(&options.Purge, "purge", false, "Remove the volumes with the cache as well")
	flags.BoolVar(&options.Force, "force", false, "Stop the Pod at once, without waiting for its running builds, nor for a node that is lost")
	flags.BoolVar(&wait, "wait", true, "Wait until the Pod is gone")
	flags.DurationVar(&options.Timeout, "timeout", 0, "How long to wait; 0 is without limit")
	flags.BoolVar(&options.ignoreNotFound, "ignore-not-found", false, "Succeed if the builder does not exist")
	flags.BoolVarP(&options.yes, "yes", "y", false, "Remove volumes without being asked on a terminal")
	takesBuilder(c)
	return c
}

func runUninstall(ctx context.Context, f *factory, name string, o uninstallOptions) error {
	if err := builder.ValidateName(name); err != nil {
		return err
	}
	o.Confirm = func(ctx context.Context, removal install.Removal) error {
		return f.confirmRemoval(ctx, name, removal, o)
	}
	removal, err := f.Uninstall(ctx, name, o.UninstallOptions)
	if missing := (*cluster.NotFoundError)(nil); errors.As(err, &missing) {
		if missing.Unwanted = true; o.ignoreNotFound {
			escape.Fprintf(f.streams.ErrOut, "%v\n", err)
			return nil
		}
	}
	if err != nil {
		return err
	}
	for _, kept := range removal.Kept {
		escape.Fprintf(f.streams.ErrOut, "%s is kept: --purge removes it\n", kept)
	}
	_, err = escape.Fprintf(f.streams.Out, "builder/%s removed\n", name)
	return err
}

// confirmRemoval says what goes, from where, and which builds it waits for. Like kubectl delete it
// does not ask, unless volumes go and there is a terminal.
func (f *factory) confirmRemoval(ctx context.Context, name string, removal install.Removal, o uninstallOptions) error {
	volumes := false
	names := make([]string, 0, len(removal.Removed))
	for _, each := range removal.Removed {
		names = append(names, each.String())
		volumes = volumes || each.Kind == "PersistentVolumeClaim"
	}
	escape.Fprintf(f.streams.ErrOut, "removing builder %q %s: %s\n", name, f.placeOf(f.namespaceOf()), strings.Join(names, ", "))
	for _, running := range f.runningBuilds(ctx, name) {
		if o.Force {
			escape.Fprintf(f.streams.ErrOut, "build %s is stopped\n", running)
		} else {
			escape.Fprintf(f.streams.ErrOut, "build %s may end first; --force stops it\n", running)
		}
	}
	if !volumes || o.yes || !terminal.Is(f.streams.In) {
		return nil
	}
	return f.mustAgree(ctx, "the volumes go with their cache", f.again("--yes"), "nothing was removed")
}

// namespaceOf is the namespace; empty if it cannot be known.
func (f *factory) namespaceOf() string {
	namespace, err := f.Namespace()
	if err != nil {
		return ""
	}
	return namespace
}

// runningBuilds are the builds that run on a builder, e.g.
// `dtgq33 ("app:1", for 12s) on Pod buildkitd`, as far as its members answer in time.
func (f *factory) runningBuilds(ctx context.Context, name string) []string {
	ctx, stop := context.WithTimeout(ctx, holdingsWithin)
	defer stop()
	answers, _ := driver.AskMembers(ctx, f.Driver, driver.ConnectOptions{Builder: name}, func(ctx context.Context, c *driver.Connection) ([]history.Record, error) {
		return history.List(ctx, c.Daemon.Client(), history.Filters{func(r history.Record) bool { return r.Status == history.Running || r.Status == history.Waiting }})
	})
	var running []string
	for _, each := range answers {
		for _, record := range each.Value {
			running = append(running, fmt.Sprintf("%s (%q, for %s) on Pod %s",
				record.Ref, record.Name, record.Duration.Round(time.Second), each.Member.Pod))
		}
	}
	return running
}
