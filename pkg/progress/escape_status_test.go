package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// Warnings are shown once: by who prints them afterwards, or at their steps.
func TestWarningsAreShownOnce(t *testing.T) {
	started := time.Now()
	vertex := &client.Vertex{Digest: digest.FromString("a"), Name: "a", Started: &started}
	warning := &client.VertexWarning{
		Vertex: vertex.Digest, Short: []byte("JSONArgsRecommended: use JSON (line 7)"), SourceInfo: &pb.SourceInfo{Filename: "Dockerfile"},
		Range: []*pb.Range{{Start: &pb.Position{Line: 7}}},
	}
	for within, want := range map[bool]int{true: 1, false: 0} {
		var out bytes.Buffer
		d, err := New(t.Context(), &out, Plain, Options{Warnings: within, Phrase: `building with "b"`})
		if err != nil {
			t.Fatal(err)
		}
		send(d, &client.SolveStatus{Vertexes: []*client.Vertex{vertex}, Warnings: []*client.VertexWarning{warning}})
		warnings, err := d.Close()
		if err != nil || len(warnings) != 1 {
			t.Fatal(warnings, err)
		}
		if got := strings.Count(out.String(), "JSONArgsRecommended"); got != want {
			t.Errorf("%v: got %q", within, out.String())
		}
		if !strings.HasPrefix(out.String(), "#0 building with \"b\"\n") {
			t.Errorf("the builder is not named: %q", out.String())
		}
		var printed bytes.Buffer
		if err := PrintWarnings(&printed, warnings); err != nil || printed.String() != "warning: JSONArgsRecommended: use JSON (Dockerfile:7)\n" {
			t.Errorf("got %q, %v", printed.String(), err)
		}
	}
}

// Colors of logs stay, unless they are not wanted; nothing else that controls a terminal does.
func TestColorsOfLogs(t *testing.T) {
	for none, want := range map[bool]string{false: "#1 0.000 \x1b[31mred\x1b[0m\n", true: "#1 0.000 red\n"} {
		var out bytes.Buffer
		d, err := New(t.Context(), &out, Plain, Options{NoColors: none})
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		id := digest.FromString("a")
		send(d,
			&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: id, Name: "a", Started: &started}}},
			&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: id, Data: []byte("\x1b[31mred\x1b[2J\x1b]0;title\x07\n"), Timestamp: started}}},
		)
		if _, err := d.Close(); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("got %q, %v", out.String(), err)
		}
	}
}

// Who sees no progress sees what a failed step has printed last.
func TestFailedStepsOfAQuietBuild(t *testing.T) {
	var out bytes.Buffer
	d, err := New(t.Context(), &out, Quiet, Options{})
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	name := func(name, failure string, ended *time.Time) *client.Vertex {
		return &client.Vertex{Digest: digest.FromString(name), Name: name, Started: &started, Completed: ended, Error: failure}
	}
	log := func(name, text string) *client.VertexLog {
		return &client.VertexLog{Vertex: digest.FromString(name), Data: []byte(text)}
	}
	send(d,
		&client.SolveStatus{Vertexes: []*client.Vertex{name("good", "", nil), name("bad", "", nil), name("other", "", nil)}},
		&client.SolveStatus{Logs: []*client.VertexLog{log("good", "fine\n"), log("bad", strings.Repeat("early\n", 20)+"10%\r20%\n\x1b[31msh: "), log("bad", "not found\x1b[0m\n"), log("other", "x\n")}},
		&client.SolveStatus{Vertexes: []*client.Vertex{name("good", "", &started), name("bad", "exit code: 127", &started), name("other", "context canceled", &started)}},
	)
	if _, err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d.PrintFailed(&out)
	if want := "bad:\n" + strings.Repeat("  early\n", 8) + "  20%\n  sh: not found\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
