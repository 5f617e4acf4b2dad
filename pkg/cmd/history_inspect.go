package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/view"
)

const historyInspectExample = `  # All that is known of the latest build
  kubectl buildkit history inspect

  # What another one was made from
  kubectl buildkit history inspect ^1 -o json | jq .materials`

func newHistoryInspectCommand(f *factory, connect *connectOptions) *cobra.Command {
	format, as := "", output.Format{}
	c := &cobra.Command{
		Use:   "inspect [REF]",
		Short: "Show what was asked of a build, and what became of it",
		Long: "Show a build's options, its sources, its results and warnings; of a build that failed, the error with the\n" +
			"lines of the Dockerfile and what the step printed last. Without REF, the latest build.",
		Example: historyInspectExample,
		Args:    atMostOneRef,
		RunE: func(c *cobra.Command, args []string) error {
			return runHistoryInspect(c.Context(), f, *connect, refArgument(args), format, as)
		},
	}
	c.Flags().StringVar(&format, "format", formatText, "As docker's: text or json")
	as.Register(c.Flags())
	return c
}

func runHistoryInspect(ctx context.Context, f *factory, connect connectOptions, ref, format string, as output.Format) error {
	if err := errors.Join(checkFormat(format, formatText), as.Check()); err != nil {
		return err
	}
	return f.withRecord(ctx, connect, ref, func(ctx context.Context, o driver.ConnectOptions, record driver.Record) error {
		details, err := driver.ReadRecord(ctx, f.Driver, o, record, history.Inspect)
		if err != nil {
			return err
		}
		if format == formatJSON {
			return view.PrintJSON(f.streams.Results(), record, details)
		}
		return as.Print(f.streams.Results(), view.Build(record, details))
	})
}
