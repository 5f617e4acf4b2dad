package cmd

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/report"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/terminal"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const historyExportExample = `  # Pass a build to another user, who imports it into Docker Desktop
  kubectl buildkit history export latest -o build.dockerbuild

  # Look into it
  kubectl buildkit history export | tar -tz`

func newHistoryExportCommand(f *factory, connect *connectOptions) *cobra.Command {
	output := ""
	c := &cobra.Command{
		Use:   "export [REF]",
		Short: "Write a build's record into a bundle",
		Long: "Write the record of a build into a .dockerbuild bundle, as docker buildx history export does: an OCI layout\n" +
			"(tar, gzip) with the record, every status and log, the trace, provenance and the manifests of the results.\n" +
			"Tokens in the trace and in options of caches are blanked. Without REF, the latest build.",
		Example: historyExportExample,
		Args:    atMostOneRef,
		RunE: func(c *cobra.Command, args []string) error {
			return f.withOutput(c.Context(), "--output", output, func(w io.Writer) error {
				return f.withRecord(c.Context(), *connect, refArgument(args), func(ctx context.Context, o driver.ConnectOptions, record driver.Record) error {
					return f.ExportRecord(ctx, o, record, w)
				})
			})
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "", "The file to write; standard output if it is not given, or -")
	return c
}

const historyReportExample = `  # A report of the latest build
  kubectl buildkit history report -o build.html

  # One of a build in CI, from the trace that was kept of it; no cluster is asked
  kubectl buildkit history report --trace build.jsonl -o build.html`

func newHistoryReportCommand(f *factory, connect *connectOptions) *cobra.Command {
	output, trace := "", ""
	c := &cobra.Command{
		Use:   "report [REF]",
		Short: "Write a report of a build",
		Long: "Write a page of HTML with the steps of a build on a timeline: what ran at the same time, what was cached, what the\n" +
			"build waited for, what was sent and pulled, every log, and errors on the Dockerfile's lines. The page is one file\n" +
			"and loads nothing. A build that runs is drawn when it has ended. Without REF, the latest build.",
		Example: historyReportExample,
		Args:    atMostOneRef,
		RunE: func(c *cobra.Command, args []string) error {
			if trace != "" && len(args) > 0 {
				return &usage.Error{What: "--trace", Value: trace, Reason: "REF names another build", Next: "leave one of them out"}
			}
			return f.withOutput(c.Context(), "--output", output, func(w io.Writer) error {
				if trace != "" {
					return drawTrace(w, trace)
				}
				return runHistoryReport(c.Context(), f, *connect, refArgument(args), w)
			})
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "", "The file to write; standard output if it is not given, or -")
	c.Flags().StringVar(&trace, "trace", "", "Draw the build of this file, which build --trace or --progress rawjson wrote")
	return c
}

func runHistoryReport(ctx context.Context, f *factory, connect connectOptions, ref string, w io.Writer) error {
	return f.withRecord(ctx, connect, ref, func(ctx context.Context, o driver.ConnectOptions, record driver.Record) error {
		build, err := driver.ReadRecord(ctx, f.Driver, o, record, history.Draw)
		if err != nil {
			return err
		}
		build.Facts = append(build.Facts, driver.MemberFacts(record.Member)...)
		return report.WriteHTML(w, build)
	})
}

// withOutput lets write fill the file that a flag names, which appears whole or not at all, or
// standard output unless it is a terminal.
func (f *factory) withOutput(ctx context.Context, flag, path string, write func(io.Writer) error) error {
	if path == "" && terminal.Is(f.streams.Out) {
		return &usage.Error{What: "--output", Reason: "a terminal cannot show it", Next: "name a file: -o FILE"}
	}
	if path == "" || path == "-" {
		return write(f.streams.Raw.Out)
	}
	target, err := safefile.NewTarget(userPath(path), safefile.TargetOptions{})
	var cannot *safefile.UnwritableError
	switch {
	case errors.As(err, &cannot):
		return &usage.Error{What: flag, Value: path, Reason: cannot.Reason, Next: cannot.Next}
	case err != nil:
		return err
	}
	return target.WriteFrom(ctx, write)
}

// drawTrace draws a build from its statuses, a line of JSON each.
func drawTrace(w io.Writer, path string) error {
	file, err := safefile.Open(userPath(path))
	if err != nil {
		return &usage.Error{What: "--trace", Value: path, Reason: err.Error(), Next: "name a file that build --trace wrote"}
	}
	defer func() { _ = file.Close() }()
	build, err := report.ReadTrace(file, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
	if err != nil {
		return &usage.Error{What: "--trace", Value: path, Reason: err.Error(), Next: "name a file that build --trace wrote"}
	}
	return report.WriteHTML(w, build)
}
