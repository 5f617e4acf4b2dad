package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

const uninstallLong = `Remove a builder: exactly the objects that install made.

Its Pod stops once its running builds ended. Volumes stay, and are used again by the next install of that name, unless
--purge removes them too.`

const uninstallExample = `  # Remove the builder named buildkitd
  kubectl buildkit uninstall

  # Remove another one now, with its volumes, whatever it is doing
  kubectl buildkit uninstall team --purge --force`

func newUninstallCommand(f *factory) *cobra.Command {
	options := cluster.UninstallOptions{}
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
	takesBuilder(c)
	return c
}

func runUninstall(ctx context.Context, f *factory, name string, options cluster.UninstallOptions) error {
	if err := builder.ValidateName(name); err != nil {
		return err
	}
	c, err := f.cluster()
	if err != nil {
		return err
	}
	removal, err := c.Uninstall(ctx, name, options, f.reportEvent)
	if err != nil {
		return err
	}
	for _, kept := range removal.Kept {
		escape.Fprintf(f.streams.ErrOut, "%s is kept: --purge removes it\n", kept)
	}
	_, err = escape.Fprintf(f.streams.Out, "builder/%s removed\n", name)
	return err
}
