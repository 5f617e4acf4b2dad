package cmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/containerd/platforms"
	"github.com/spf13/cobra"
	"github.com/tonistiigi/units"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

const infoExample = `  # Is the builder there, and what can it do?
  kubectl buildkit info

  # Another one, reached without port-forward
  kubectl buildkit info team --transport exec`

func newInfoCommand(f *factory) *cobra.Command {
	o := &connectOptions{}
	c := &cobra.Command{
		Use:     "info [NAME]",
		Short:   "Ask a builder what it is",
		Long:    "Connect to a builder as a build does, and print what its daemon and the cluster say of it.",
		Example: infoExample,
		Args:    atMostOneName,
		RunE: func(c *cobra.Command, args []string) error {
			o.builder, o.named = nameArgument(args), true
			return runInfo(c.Context(), f, *o)
		},
	}
	o.register(c.Flags())
	return c
}

func runInfo(ctx context.Context, f *factory, o connectOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	b, err := f.connect(ctx, o, "")
	if err != nil {
		return err
	}
	defer b.close()
	info, err := b.daemon.Info(ctx)
	if err != nil {
		return f.explainLoss(ctx, b, err)
	}
	return printInfo(f.streams.Out, b, info)
}

// printInfo prints one fact a line, in the manner of kubectl describe.
func printInfo(w io.Writer, b *connected, info *solve.Info) error {
	tw := printers.GetNewTabWriter(w)
	fact := func(name string, value any) { fmt.Fprintf(tw, "%s:\t%v\n", name, value) }
	fact("Builder", b.member.Builder)
	fact("Namespace", b.member.Namespace)
	fact("Pod", b.member.Pod)
	fact("Node", b.member.Node)
	fact("Mode", modeOf(b))
	fact("Image", b.member.Image)
	fact("BuildKit", info.Version)
	fact("Platforms", platformsOf(info))
	fact("Cache", fmt.Sprintf("%.4g in %d records, %.4g in use", units.Bytes(info.Cache.TotalBytes), info.Cache.Records, units.Bytes(info.Cache.InUseBytes)))
	if b.connection != nil {
		left := time.Until(b.connection.Expires)
		fact("Certificates", fmt.Sprintf("valid until %s (%d days)", b.connection.Expires.Format(time.DateOnly), int(left.Hours()/24)))
	}
	return tw.Flush()
}

func modeOf(b *connected) string {
	switch {
	case b.member.Adopted:
		return "adopted: not installed by kubectl buildkit"
	case b.member.Mode == "":
		return "<unknown>"
	}
	return b.member.Mode
}

// platformsOf lists what the workers can build for, the native ones first.
func platformsOf(info *solve.Info) string {
	var list []string
	for _, worker := range info.Workers {
		for _, platform := range worker.Platforms {
			list = appendNew(list, platforms.Format(platform))
		}
	}
	return orNone(list, "<none>")
}
