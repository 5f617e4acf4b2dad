package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/report"
)

// inspected is a build for programs.
type inspected struct {
	recordLine
	*history.Details
}

// PrintJSON prints a build as --format json does, which is docker's.
func PrintJSON(w io.Writer, record driver.Record, details *history.Details) error {
	return output.PrintValue(w, "json", inspected{newRecordLine(record), details})
}

// Build is one build with all that is known of it, in the manner of kubectl describe.
func Build(record driver.Record, details *history.Details) output.Answer {
	return output.Answer{
		Kind: "Build", Single: true,
		Items: []output.Item{{Name: record.Ref, Namespace: record.Member.Namespace, Fields: inspected{newRecordLine(record), details}}},
		Text:  func(w io.Writer, _ bool) error { return printInspected(w, record, details) },
	}
}

// printInspected prints one fact a line, in the manner of kubectl describe.
func printInspected(w io.Writer, record driver.Record, details *history.Details) error {
	tw := printers.GetNewTabWriter(w)
	fact := func(name, value string) {
		if value != "" {
			escape.Fprintf(tw, "%s:\t%s\n", name, value)
		}
	}
	fact("Name", record.Name)
	fact("Ref", record.Ref)
	fact("Status", string(record.Status))
	if record.Pinned {
		fact("Pinned", "yes")
	}
	fact("Created", record.Created.Local().Format(time.RFC3339))
	if record.Status != history.Waiting {
		fact("Duration", shortDuration(record.Duration))
	}
	if record.User != "" {
		fact("User", record.User)
		fact("Waited", shortDuration(record.Waited))
	}
	if record.Status != history.Running && record.Status != history.Waiting {
		fact("Steps", fmt.Sprintf("%d, %d of them cached", record.Total, record.Cached))
	}
	fact("Builder", record.Member.Builder)
	fact("Member", fmt.Sprintf("%s/%s", record.Member.Namespace, record.Member.Pod))
	fact("Frontend", details.Frontend)
	for _, name := range slices.Sorted(maps.Keys(details.Attributes)) {
		fact("  "+name, details.Attributes[name])
	}
	for _, output := range details.Outputs {
		fact("Output", strings.TrimSpace(output.Type+" "+pairs(output.Attributes)))
	}
	for _, result := range details.Results {
		fact("Result", fmt.Sprintf("%s %s", result.Digest, result.Type))
	}
	for _, material := range details.Materials {
		fact("Source", strings.TrimSpace(material.URI+" "+pairs(material.Digest)))
	}
	for _, statement := range details.Attestations {
		fact("Attestation", strings.TrimSpace(statement.Type+" "+statement.Platform))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, warning := range details.Warnings {
		printInspectedWarning(w, warning)
	}
	printInspectedFailure(w, details.Failure)
	return nil
}

func pairs(attributes map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		list = append(list, name+"="+attributes[name])
	}
	return strings.Join(list, " ")
}

func printInspectedWarning(w io.Writer, warning report.Warning) {
	escape.Fprintf(w, "\nWarning: %s\n", warning.Text)
	if warning.URL != "" {
		escape.Fprintln(w, "see "+warning.URL)
	}
	printSource(w, warning.Source)
}

func printInspectedFailure(w io.Writer, failure *history.BuildFailure) {
	if failure == nil {
		return
	}
	escape.Fprintf(w, "\nError: %s\n", failure.Message)
	for _, source := range failure.Sources {
		printSource(w, &source)
	}
	if len(failure.Log) > 0 {
		escape.Fprintf(w, "\nThe last lines of %s:\n", failure.Step)
		for _, line := range failure.Log {
			escape.Fprintf(w, "  %s\n", line)
		}
	}
}

// printSource marks the lines in the way BuildKit does.
func printSource(w io.Writer, source *report.Source) {
	if source == nil {
		return
	}
	escape.Fprintln(w, source.File+":")
	for _, line := range source.Lines {
		mark := "   "
		if line.Marked {
			mark = ">>>"
		}
		escape.Fprintf(w, "%4d | %s %s\n", line.Number, mark, line.Text)
	}
}
