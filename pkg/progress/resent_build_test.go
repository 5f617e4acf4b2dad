package progress

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// at is a time on the daemon's clock.
func at(seconds int) *time.Time {
	when := time.Date(2026, 1, 1, 0, 0, seconds, 0, time.UTC)
	return &when
}

func named(digested, name string, started, completed *time.Time) *client.SolveStatus {
	return &client.SolveStatus{Vertexes: []*client.Vertex{
		{Digest: digest.Digest(digested), Name: name, Started: started, Completed: completed},
	}}
}

func said(digested, text string) *client.SolveStatus {
	return &client.SolveStatus{Logs: []*client.VertexLog{{Vertex: digest.Digest(digested), Stream: 1, Data: []byte(text)}}}
}

// sentence is a status in one line, e.g. "a+ a:text" for a that has started and said "text".
func sentence(s *client.SolveStatus) string {
	var words []string
	for _, vertex := range s.Vertexes {
		mark := "+"
		switch {
		case vertex.Cached:
			mark = "c"
		case vertex.Error != "":
			mark = "!"
		case vertex.Completed != nil:
			mark = "-"
		}
		words = append(words, vertex.Digest.String()+mark)
	}
	for _, line := range s.Logs {
		words = append(words, line.Vertex.String()+":"+string(line.Data))
	}
	return strings.Join(words, " ")
}

func cached(s *client.SolveStatus) *client.SolveStatus {
	s.Vertexes[0].Cached = true
	return s
}

func failed(s *client.SolveStatus) *client.SolveStatus {
	s.Vertexes[0].Error = "context canceled"
	return s
}

func TestReplayIsNotShown(t *testing.T) {
	first := []*client.SolveStatus{
		named("a", "[1/3] FROM base", at(-1), at(0)), named("a", "[1/3] FROM base", at(0), at(1)), said("a", "pulled"),
		named("b", "[2/3] RUN make", at(1), nil), said("b", "one\ntw"),
	}
	for name, test := range map[string]struct {
		again []*client.SolveStatus
		want  []string
	}{
		"a step that goes on": {
			[]*client.SolveStatus{named("b", "[2/3] RUN make", at(1), nil), said("b", "one\n"), said("b", "two\n"), named("b", "[2/3] RUN make", at(1), at(9))},
			[]string{"b+", "", "b:o\n", "b-"},
		},
		"a step with another digest": {
			[]*client.SolveStatus{named("x", "[2/3] RUN make", at(1), nil), said("x", "one\ntwo\n")},
			[]string{"b+", "b:o\n"},
		},
		"a step whose output comes under its first digest": {
			[]*client.SolveStatus{named("x", "[2/3] RUN make", nil, nil), named("b", "[2/3] RUN make", at(1), nil), said("b", "one\ntwo\n")},
			[]string{"b+", "b+", "b:o\n"},
		},
		"a step that starts again and says something else": {
			[]*client.SolveStatus{named("b", "[2/3] RUN make", at(5), nil), said("b", "one\nthree"), said("b", "\nfour")},
			[]string{"b+", "b:one\nthree", "b:\nfour"},
		},
		"a finished step from the cache": {
			[]*client.SolveStatus{named("a", "[1/3] FROM base", nil, nil), cached(named("a", "[1/3] FROM base", at(5), at(5))), said("a", "pulled")},
			[]string{"", "", ""},
		},
		"a finished step that is told again": {
			[]*client.SolveStatus{named("a", "[1/3] FROM base", at(0), nil), named("a", "[1/3] FROM base", at(0), at(1)), said("a", "pulled")},
			[]string{"", "", ""},
		},
		"a finished step that runs again": {
			[]*client.SolveStatus{named("a", "[1/3] FROM base", at(5), nil), said("a", "pulled"), named("a", "[1/3] FROM base", at(5), at(6))},
			[]string{"a+", "", "a-"},
		},
		"a finished step that fails now": {
			[]*client.SolveStatus{failed(named("a", "[1/3] FROM base", at(0), at(1)))},
			[]string{"a!"},
		},
		"a new step": {
			[]*client.SolveStatus{named("c", "[3/3] COPY", at(5), nil), said("c", "one")},
			[]string{"c+", "c:one"},
		},
		"two steps of one name": {
			[]*client.SolveStatus{named("x", "[2/3] RUN make", at(1), nil), named("y", "[2/3] RUN make", at(1), nil)},
			[]string{"b+", "y+"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplay()
			show := func(statuses []*client.SolveStatus) (shown []string) {
				sending := r.send(&clock{now: time.Now()})
				for _, status := range statuses {
					shown = append(shown, sentence(sending.show(status)))
				}
				return shown
			}
			if got := show(first); strings.Join(got, "|") != "a-|a-|a:pulled|b+|b:one\ntw" {
				t.Fatalf("first %q", got)
			}
			if got := show(test.again); strings.Join(got, "|") != strings.Join(test.want, "|") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// What is remembered of all steps' output is bounded.
func TestRememberedOutputIsBounded(t *testing.T) {
	r := newReplay()
	sending, data := r.send(&clock{now: time.Now()}), bytes.Repeat([]byte("x"), maxKept)
	for i := range 3 * maxAllKept / maxKept {
		id, started := digest.FromString(strconv.Itoa(i)), time.Now()
		sending.show(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: id, Name: strconv.Itoa(i), Started: &started}}})
		out := sending.show(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: id, Data: data}}})
		if len(out.Logs) != 1 || len(out.Logs[0].Data) != len(data) {
			t.Fatalf("step %d is not shown whole", i)
		}
	}
	total := 0
	for _, step := range r.shown {
		total += len(step.logs[0])
	}
	if total != maxAllKept || r.kept != total {
		t.Errorf("%d bytes are remembered, counted as %d", total, r.kept)
	}
}
