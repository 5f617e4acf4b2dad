package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/report"
	"github.com/spf13/pflag"
)

func sampleRecords(now time.Time) []driver.Record {
	member := cluster.Member{Builder: "team", Namespace: "ns", Pod: "team-1"}
	return []driver.Record{
		{Record: history.Record{Ref: "run", Status: history.Running, Created: now.Add(-90 * time.Second), Duration: 90 * time.Second}, Member: member},
		{Record: history.Record{
			Ref: "bad", Name: "registry.example.com/a/rather/long/path/to/an/image/of/ours:1", Status: history.Failed, Created: now.Add(-time.Hour),
			Ended: now.Add(-time.Hour + 1500*time.Millisecond), Duration: 1500 * time.Millisecond, Total: 5, Done: 3, Cached: 2, Pinned: true, Error: "exit code: 1",
		}, Member: member},
	}
}

func TestHistoryTable(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	var table bytes.Buffer
	if err := (&output.Format{}).Print(&table, Builds(sampleRecords(now), now)); err != nil {
		t.Fatal(err)
	}
	want := `REF   NAME                                               STATUS         CREATED   DURATION   CACHED   MEMBER
run   <none>                                             running        90s ago   1m30s      -        team-1
bad   …le.com/a/rather/long/path/to/an/image/of/ours:1   error,pinned   60m ago   1.5s       2/5      team-1
`
	if got := strings.Join(strings.Fields(table.String()), " "); got != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%s", table.String())
	}
}

func TestHistoryJSONHasDockersKeys(t *testing.T) {
	var lines bytes.Buffer
	if err := PrintLines(&lines, sampleRecords(time.Now())); err != nil {
		t.Fatal(err)
	}
	list := strings.Split(strings.TrimSpace(lines.String()), "\n")
	if len(list) != 2 {
		t.Fatalf("got %q", list)
	}
	build := map[string]any{}
	if err := json.Unmarshal([]byte(list[1]), &build); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"ref", "name", "status", "created_at", "completed_at", "total_steps", "completed_steps", "cached_steps", "member"} {
		if _, has := build[key]; !has {
			t.Errorf("no %s in %s", key, list[1])
		}
	}
	if strings.Contains(list[0], "completed_at") {
		t.Errorf("a running build has ended: %s", list[0])
	}
}

func TestInspected(t *testing.T) {
	var text bytes.Buffer
	details := &history.Details{
		Frontend: "dockerfile.v0", Attributes: map[string]string{"target": "x"}, Outputs: []history.Output{{Type: "image", Attributes: map[string]string{"push": "true", "name": "a"}}},
		Results: []history.Result{{Type: "m", Digest: "sha256:1"}}, Materials: []history.Material{{URI: "pkg:docker/a", Digest: map[string]string{"sha256": "2"}}},
		Warnings: []report.Warning{{Text: "old", URL: "https://x"}},
		Failure: &history.BuildFailure{Message: "exit code: 1", Step: "[2/2] RUN make", Log: []string{"no rule"}, Sources: []report.Source{{
			File: "Dockerfile", Lines: []report.Line{{Number: 1, Text: "FROM a"}, {Number: 2, Text: "RUN make", Marked: true}},
		}}},
	}
	if err := printInspected(&text, sampleRecords(time.Now())[1], details); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"5, 2 of them cached", "ns/team-1", "image name=a push=true", "sha256:1 m", "pkg:docker/a sha256=2", "Warning: old\nsee https://x",
		"Error: exit code: 1\nDockerfile:\n   1 |     FROM a\n   2 | >>> RUN make\n", "The last lines of [2/2] RUN make:\n  no rule\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

// The formats of kubectl's --output are those of every other command; --format stays docker's.
func TestHistoryFormats(t *testing.T) {
	record := driver.Record{Record: history.Record{Ref: "abc", Name: "app", Status: history.Completed, Error: "x"}, Member: cluster.Member{Pod: "p", Namespace: "ns"}}
	for as, want := range map[string]string{
		"name": "build/abc\n", "jsonpath={.items[0].ref} {.items[0].status}": "abc completed", "wide": "ERROR", "custom-columns=R:.metadata.name": "R\nabc\n",
	} {
		if got := printed(t, Builds([]driver.Record{record}, time.Now()), as); !strings.Contains(got, want) {
			t.Errorf("%s: got %q", as, got)
		}
	}
	details := &history.Details{Materials: []history.Material{{URI: "pkg:x"}}}
	if got := printed(t, Build(record, details), "jsonpath={.kind} {.ref} {.materials[0].uri}"); got != "Build abc pkg:x" {
		t.Errorf("got %q", got)
	}
}

// printed is the answer in a format of --output.
func printed(t *testing.T, answer output.Answer, as string) string {
	t.Helper()
	format, flags, text := output.Format{}, pflag.NewFlagSet("", pflag.ContinueOnError), strings.Builder{}
	format.Register(flags)
	if err := errors.Join(flags.Set("output", as), format.Check(), format.Print(&text, answer)); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
