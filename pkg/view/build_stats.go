package view

import (
	"fmt"
	"io"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
)

// shownSteps is how many of the slowest steps are printed for people, shownUnread how many builds
// whose steps are not counted.
const (
	shownSteps  = 10
	shownUnread = 5
)

// unread is a build whose steps are not counted, for programs.
type unread struct {
	Ref    string `json:"ref"`
	Member string `json:"member"`
	Reason string `json:"reason"`
}

// Stats has one item a group; beside them are the totals, the slowest steps and the builds whose
// steps are not counted.
func Stats(summary stats.Summary, by stats.By, measured driver.Measured) output.Answer {
	missing := []unread{}
	for _, each := range measured.Unread {
		missing = append(missing, unread{each.Ref, each.Member, each.Reason})
	}
	answer := output.Answer{
		Kind: "BuildStats",
		Beside: map[string]any{
			"by": by, "members": measured.Members, "totals": summary.All, "slowestSteps": summary.Steps, "uncounted": missing,
		},
		Text: func(w io.Writer, _ bool) error { return printStats(w, summary, by) },
	}
	for _, group := range summary.Groups {
		answer.Items = append(answer.Items, output.Item{Name: group.Name, Fields: group.Totals})
	}
	return answer
}

func printStats(w io.Writer, summary stats.Summary, by stats.By) error {
	tw := printers.GetNewTabWriter(w)
	line := func(cells ...any) { escape.Fprintf(tw, strings.Repeat("%v\t", len(cells)-1)+"%v\n", cells...) }
	line(strings.ToUpper(string(by)), "BUILDS", "SUCCEEDED", "FAILED", "CANCELED", "RUNNING", "WAITING", "CACHED", "P50", "P95", "QUEUE P50", "QUEUE P95")
	row := func(name string, t stats.Totals) {
		p50, p95, _ := t.Duration.Text()
		wait50, wait95, _ := t.Wait.Text()
		line(name, t.Builds, t.Succeeded, t.Failed, t.Canceled, t.Running, t.Waiting, stats.Rate(t.HitRate), p50, p95, wait50, wait95)
	}
	for _, group := range summary.Groups {
		row(group.Name, group.Totals)
	}
	if len(summary.Groups) != 1 {
		row("total", summary.All)
	}
	if err := tw.Flush(); err != nil || len(summary.Steps) == 0 {
		return err
	}
	escape.Fprintln(w)
	tw = printers.GetNewTabWriter(w)
	line("SLOWEST STEPS", "RUNS", "TOTAL", "P95")
	for _, step := range summary.Steps[:min(len(summary.Steps), shownSteps)] {
		line(shortStep(step.Name), step.Runs, stats.Seconds(step.Total), stats.Seconds(step.P95))
	}
	return tw.Flush()
}

// shortStep fits into a table.
func shortStep(name string) string {
	const room = 72
	text := []rune(escape.Line(name))
	if len(text) > room {
		return string(text[:room-1]) + "…"
	}
	return string(text)
}

// Uncounted has a line for each build whose steps are not counted; of many, the first ones.
func Uncounted(measured driver.Measured) []string {
	var lines []string
	for _, each := range measured.Unread[:min(len(measured.Unread), shownUnread)] {
		lines = append(lines, fmt.Sprintf("the steps of build %q on %s are not counted: %s", each.Ref, each.Member, each.Reason))
	}
	if more := len(measured.Unread) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("the steps of %d more builds are not counted", more))
	}
	return lines
}
