package cmd

import (
	"context"
	"encoding/json"

	"github.com/moby/buildkit/client"
	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
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
	return f.withRecord(ctx, connect, ref, func(ctx context.Context, c *client.Client, record kept) error {
		if mode == progress.RawJSON {
			return f.replayJSON(ctx, c, record.Ref)
		}
		display, err := progress.New(ctx, f.raw.Out, mode, progress.Options{Warnings: true, NoColors: f.noColors()})
		if err != nil {
			return err
		}
		statuses := display.Attach()
		err = history.Replay(ctx, c, record.Ref, func(status *client.SolveStatus) { statuses <- status })
		close(statuses)
		_, closing := display.Close()
		return firstError(err, closing)
	})
}

// replayJSON prints the statuses as they were recorded, with the daemon's times.
func (f *factory) replayJSON(ctx context.Context, c *client.Client, ref string) error {
	encoder := json.NewEncoder(f.results())
	var writing error
	err := history.Replay(ctx, c, ref, func(status *client.SolveStatus) {
		if writing == nil {
			writing = encoder.Encode(progress.Masked(status))
		}
	})
	return firstError(err, writing)
}
