package cmd

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/view"
)

const infoLong = `Connect to every member of a builder as a build does, and print what the daemons and the cluster say, also which builds
run and which wait for their turn, whose they are and for how long.

A member that does not answer is named with the reason, the others and the settings are shown all the same; the exit
code is then 3. The settings are the command that installs such a builder, and the commands for the files that it reads.`

const infoExample = `  # Is the builder there, and what can it do?
  kubectl buildkit info

  # With the rules of its garbage collection
  kubectl buildkit info -o wide

  # For a script: whose builds wait, and the version of the first member
  kubectl buildkit info -o jsonpath='{.members[*].builds.waiting[*].user}'
  kubectl buildkit info -o jsonpath='{.members[0].buildkit.version}'

  # Another one, reached without port-forward
  kubectl buildkit info team --transport exec`

type infoOptions struct {
	connect connectOptions
	format  output.Format
}

func newInfoCommand(f *factory) *cobra.Command {
	o := &infoOptions{}
	c := &cobra.Command{
		Use:     "info [NAME]",
		Short:   "Show details of a builder",
		Long:    infoLong,
		Example: infoExample,
		RunE: func(c *cobra.Command, args []string) error {
			o.connect.builder, o.connect.named = nameArgument(c, args), true
			return runInfo(c.Context(), f, o)
		},
	}
	o.connect.register(c.Flags())
	o.format.Register(c.Flags())
	takesBuilder(c)
	return c
}

func runInfo(ctx context.Context, f *factory, o *infoOptions) error {
	if err := errors.Join(o.connect.check(), o.format.Check()); err != nil {
		return err
	}
	heard, err := driver.AskMembers(ctx, f.Driver, o.connect.driver(), introduce)
	spec, wanted := f.settingsOf(ctx, o.connect.builder, heard)
	if len(heard) == 0 && spec == nil {
		return err
	}
	answer := view.Builder(o.connect.builder, f.namespaceOf(), heard, spec, wanted, err)
	return cmp.Or(err, o.format.Print(f.streams.Results(), answer))
}

// introduce asks a member for all that info prints of it, in one round trip. One that does not list
// its builds works none the less.
func introduce(ctx context.Context, c *driver.Connection) (view.Introduction, error) {
	found := view.Introduction{Connection: c.Certificates, Presented: c.Presented}
	err := kube.Together(
		func() (err error) { found.Info, err = c.Daemon.Info(ctx); return err },
		func() error {
			if builds, err := c.Builds(ctx); err == nil {
				found.Builds = &builds
			}
			return nil
		},
	)
	return found, err
}

// settingsOf is what install was asked for, nil if it is unknown, or may not be read; and what
// members of each builder are started with.
func (f *factory) settingsOf(ctx context.Context, name string, heard []driver.Answer[view.Introduction]) (asked *builder.Spec, wanted map[string]string) {
	c, err := f.Cluster()
	if err != nil {
		return nil, nil
	}
	names := []string{name}
	for _, each := range heard {
		names = append(names, each.Member.Builder)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	sets, looks := make([]string, len(names)), make([]func() error, len(names))
	for n, each := range names {
		looks[n] = func() error { sets[n] = c.Wanted(ctx, each); return nil }
	}
	_ = kube.Together(append(looks,
		func() error {
			// Where it is known in part, the command would make another builder.
			if spec, err := install.StoredSpec(ctx, c, name); err == nil {
				asked = &spec
			}
			return nil
		},
	)...)
	wanted = map[string]string{}
	for n, each := range names {
		wanted[each] = sets[n]
	}
	return asked, wanted
}
