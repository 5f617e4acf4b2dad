package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const historyListLong = `List the builds that the builder's members have a record of, the newest first.

A filter is a key, an operator and a value: status=error (or running, completed, canceled), name=TEXT, ref=TEXT,
repository=TEXT with = and !=; startedAt, completedAt (how long ago, or a time) and duration with <, <=, >, >=. Several
filters must all match. With --format json every line is a build, with the keys of docker buildx history ls and more; -o has
kubectl's formats.`

const historyListExample = `  # What failed today
  kubectl buildkit history list --filter status=error --filter 'startedAt>24h'

  # The references of builds that took more than a minute
  kubectl buildkit history list --filter 'duration>1m' --quiet

  # For programs
  kubectl buildkit history list -o json`

type historyListOptions struct {
	filters []string
	format  string
	output  output.Format
	quiet   bool
}

func newHistoryListCommand(f *factory, connect *connectOptions) *cobra.Command {
	o := historyListOptions{}
	c := &cobra.Command{
		Use:     "list [NAME]",
		Aliases: []string{"ls"},
		Short:   "List builds",
		Long:    historyListLong,
		Example: historyListExample,
		Args:    oneBuilder,
		RunE: func(c *cobra.Command, args []string) error {
			of := *connect
			of.builder = nameArgument(c, args)
			return runHistoryList(c.Context(), f, of, o)
		},
	}
	c.Flags().Var((*list)(&o.filters), "filter", "Only builds that match, e.g. status=error (repeatable)")
	c.Flags().StringVar(&o.format, "format", formatTable, "As docker's: table, or json with a line a build")
	o.output.Register(c.Flags())
	c.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "Print the references alone")
	return c
}

// The values of --format.
const (
	formatTable = "table"
	formatText  = "text"
	formatJSON  = "json"
)

// checkFormat refuses all formats but these two.
func checkFormat(format, readable string) error {
	if format == readable || format == formatJSON {
		return nil
	}
	return &usage.Error{What: "--format", Value: format, Reason: "no such format", Next: "use " + readable + " or " + formatJSON}
}

func runHistoryList(ctx context.Context, f *factory, connect connectOptions, o historyListOptions) error {
	if err := errors.Join(checkFormat(o.format, formatTable), o.output.Check(), connect.check()); err != nil {
		return err
	}
	filters, err := history.ParseFilters(o.filters, time.Now())
	if err != nil {
		return err
	}
	records, err := f.Records(ctx, connect.driver(), filters)
	switch {
	case err != nil && len(records) == 0:
		return err
	case o.quiet:
		for _, record := range records {
			escape.Fprintln(f.streams.Out, record.Ref)
		}
		return err
	case o.format == formatJSON:
		return firstError(err, printRecordLines(f.results(), records))
	case len(records) == 0 && o.output.ForPeople():
		escape.Fprintln(f.streams.ErrOut, "no builds")
		return nil
	}
	return firstError(err, o.output.Print(f.results(), recordsAnswer(records, time.Now())))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// recordsAnswer has one line a build, in the manner of kubectl get.
func recordsAnswer(records []driver.Record, now time.Time) output.Answer {
	answer := output.Answer{Kind: "Build", Columns: []output.Column{
		{Name: "Ref"}, {Name: "Name"}, {Name: "Status"}, {Name: "Created"}, {Name: "Duration"}, {Name: "Cached"}, {Name: "Member"}, {Name: "Error", Wide: true},
	}}
	for _, record := range records {
		status, steps := string(record.Status), fmt.Sprintf("%d/%d", record.Cached, record.Total)
		if record.Pinned {
			status += ",pinned"
		}
		if record.Status == history.Running {
			steps = "-"
		}
		created := duration.HumanDuration(now.Sub(record.Created)) + " ago"
		answer.Items = append(answer.Items, output.Item{
			Name: record.Ref, Namespace: record.Member.Namespace, Fields: newRecordLine(record),
			Cells: []any{record.Ref, shortName(record.Record), status, created, shortDuration(record.Duration), steps, record.Member.Pod, record.Error},
		})
	}
	return answer
}

// shortName fits into a table: of a long name the end tells more than the beginning.
func shortName(record history.Record) string {
	const room = 48
	name := []rune(escape.Line(output.OrNone(output.AppendNew(nil, record.Name), "<none>"))) // what is cut off may be what tells a password
	if len(name) > room {
		return "…" + string(name[len(name)-room+1:])
	}
	return string(name)
}

func shortDuration(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// recordLine is a build for programs. The keys that docker has too are docker's.
type recordLine struct {
	Ref       string     `json:"ref"`
	Name      string     `json:"name"`
	Target    string     `json:"target,omitempty"`
	Status    string     `json:"status"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"completed_at,omitempty"`
	Seconds   float64    `json:"duration_seconds"`
	Total     int        `json:"total_steps"`
	Completed int        `json:"completed_steps"`
	Cached    int        `json:"cached_steps"`
	Warnings  int        `json:"num_warnings"`
	Pinned    bool       `json:"pinned"`
	Error     string     `json:"error,omitempty"`
	Builder   string     `json:"builder"`
	Namespace string     `json:"namespace"`
	Member    string     `json:"member"`
}

func newRecordLine(record driver.Record) recordLine {
	line := recordLine{
		Ref: record.Ref, Name: record.Name, Target: record.Target, Status: string(record.Status), CreatedAt: record.Created,
		Seconds: record.Duration.Seconds(), Total: record.Total, Completed: record.Done, Cached: record.Cached,
		Warnings: record.Warnings, Pinned: record.Pinned, Error: record.Error,
		Builder: record.Member.Builder, Namespace: record.Member.Namespace, Member: record.Member.Pod,
	}
	if !record.Ended.IsZero() {
		line.EndedAt = &record.Ended
	}
	return line
}

func printRecordLines(w io.Writer, records []driver.Record) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, record := range records {
		if err := encoder.Encode(newRecordLine(record)); err != nil {
			return err
		}
	}
	return nil
}

func filterWords() []string {
	return []string{
		"status=error", "status=completed", "status=canceled", "status=running", "name=", "ref=", "repository=", "startedAt>", "completedAt>", "duration>",
	}
}
