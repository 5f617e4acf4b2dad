package cmd

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const historyLogsExample = `  # What the latest build printed; while it runs, what it prints
  kubectl buildkit history logs

  # Every status of the build before it, for programs
  kubectl buildkit history logs ^1 --progress rawjson`

func newHistoryLogsCommand(f *factory, connect *connectOptions) *cobra.Command {
	mode := ""
	c := &cobra.Command{
		Use:   "logs [REF]",
		Short: "Print the progress of a build again",
		Long: "Print the steps of a build and what they printed, as the build's own client did. A build that runs is followed\n" +
			"to its end. Without REF, the latest build.",
		Example: historyLogsExample,
		Args:    atMostOneRef,
		RunE: func(c *cobra.Command, args []string) error {
			return runHistoryLogs(c.Context(), f, *connect, refArgument(args), progress.Mode(mode))
		},
	}
	c.Flags().StringVar(&mode, "progress", string(progress.Plain), "How to print: plain or rawjson")
	return c
}

func runHistoryLogs(ctx context.Context, f *factory, connect connectOptions, ref string, mode progress.Mode) error {
	if mode != progress.Plain && mode != progress.RawJSON {
		return &usage.Error{What: "--progress", Value: string(mode), Reason: "no such way to print a log", Next: "use plain or rawjson"}
	}
	return f.withRecord(ctx, connect, ref, func(ctx context.Context, o driver.ConnectOptions, record driver.Record) error {
		if mode == progress.RawJSON {
			lines := progress.NewJSON(f.streams.Results())
			return cmp.Or(f.ReplayRecord(ctx, o, record, lines), lines.Close())
		}
		display, err := progress.New(ctx, f.streams.Raw.Out, mode, progress.Options{Warnings: true, NoColors: f.noColors()})
		if err != nil {
			return err
		}
		err = f.ReplayRecord(ctx, o, record, display)
		_, closing := display.Close()
		return cmp.Or(err, closing)
	})
}
