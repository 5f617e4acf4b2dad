package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const logsLong = `Print what the daemons of a builder have logged.

Where a builder has several members, each line begins with its Pod. The logs of builds are another thing: the daemon
keeps them in its history.`

const logsExample = `  # The last lines of every member
  kubectl buildkit logs --tail 20

  # What they log from now on
  kubectl buildkit logs -f --since 1s

  # Why a member was restarted
  kubectl buildkit logs --previous`

type logsOptions struct {
	builder string
	cluster.LogOptions
}

func newLogsCommand(f *factory, run func(context.Context, *logsOptions) error) *cobra.Command {
	o := &logsOptions{}
	if run == nil {
		run = func(ctx context.Context, o *logsOptions) error { return runLogs(ctx, f, o) }
	}
	c := &cobra.Command{
		Use:     "logs [NAME]",
		Short:   "Print the logs of a builder's daemons",
		Long:    logsLong,
		Example: logsExample,
		RunE: func(c *cobra.Command, args []string) error {
			o.builder = nameArgument(c, args)
			return run(c.Context(), o)
		},
	}
	o.register(c.Flags())
	takesBuilder(c)
	return c
}

// register adds kubectl's own flags for logs.
func (o *logsOptions) register(flags *pflag.FlagSet) {
	flags.BoolVarP(&o.Follow, "follow", "f", false, "Stream new log lines")
	flags.BoolVarP(&o.Previous, "previous", "p", false, "Print the logs from before the last restart")
	flags.BoolVar(&o.Timestamps, "timestamps", false, "Put the time before each line")
	flags.Int64Var(&o.Tail, "tail", -1, "How many of the last lines to print; -1 is all")
	flags.DurationVar(&o.Since, "since", 0, "How far back to go, e.g. 5s, 2m, 3h; 0 is all")
}

func (o *logsOptions) check() error {
	switch {
	case o.Since < 0 || o.Since > 0 && o.Since < time.Second:
		return &usage.Error{What: "--since", Value: o.Since.String(), Reason: "it is less than a second", Next: "write e.g. 10m"}
	case o.Tail < -1:
		return &usage.Error{What: "--tail", Value: fmt.Sprint(o.Tail), Reason: "it is negative", Next: "write a number of lines, or -1 for all"}
	}
	return builder.ValidateName(o.builder)
}

func runLogs(ctx context.Context, f *factory, o *logsOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	return f.Logs(ctx, o.builder, o.LogOptions, f.streams.Out)
}
