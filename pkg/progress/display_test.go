package progress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// step is what a daemon sends for a step that printed a line, by a clock that is
// behind by the given time.
func step(name, line string, behind time.Duration) []*client.SolveStatus {
	started := time.Now().Add(-behind)
	completed := started.Add(3 * time.Second)
	vertex := client.Vertex{Digest: digest.FromString(name), Name: name, Started: &started}
	ended := vertex
	ended.Completed = &completed
	return []*client.SolveStatus{
		{Vertexes: []*client.Vertex{&vertex}},
		{Logs: []*client.VertexLog{{Vertex: vertex.Digest, Stream: 1, Data: []byte(line + "\n"), Timestamp: started.Add(time.Second)}}},
		{Vertexes: []*client.Vertex{&ended}},
	}
}

func show(ctx context.Context, t *testing.T, mode Mode, draw func(*Display)) string {
	t.Helper()
	var out bytes.Buffer
	d, err := New(ctx, &out, mode, Options{Warnings: true})
	if err != nil {
		t.Fatal(err)
	}
	draw(d)
	if _, err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func send(d *Display, statuses ...*client.SolveStatus) {
	ch := d.Attach()
	for _, status := range statuses {
		ch <- status
	}
	close(ch)
}

func TestPlain(t *testing.T) {
	got := show(t.Context(), t, Plain, func(d *Display) {
		end := d.Step("[auth] token for example.com")
		send(d, step("[1/1] RUN make", "compiling", 0)...)
		end(nil)
		d.Step("[auth] other")(errors.New("no such host"))
	})
	for _, want := range []string{"[auth] token for example.com", "[1/1] RUN make", "compiling", "DONE 3.0s", "ERROR: no such host"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
}

// TestClockOfDaemon proves that a daemon whose clock is an hour behind is not
// shown as an hour late.
func TestClockOfDaemon(t *testing.T) {
	got := show(t.Context(), t, RawJSON, func(d *Display) {
		send(d, step("RUN make", "x", time.Hour)...)
	})
	for line := range strings.Lines(got) {
		var status client.SolveStatus
		if err := json.Unmarshal([]byte(line), &status); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for _, vertex := range status.Vertexes {
			if age := time.Since(*vertex.Started); age > time.Minute || age < -time.Minute {
				t.Errorf("the step started %v ago", age)
			}
			if vertex.Completed != nil && vertex.Completed.Sub(*vertex.Started) != 3*time.Second {
				t.Errorf("the step took %v", vertex.Completed.Sub(*vertex.Started))
			}
		}
		for _, line := range status.Logs {
			if age := time.Since(line.Timestamp); age > time.Minute {
				t.Errorf("the line is %v old", age)
			}
		}
	}
}

func TestQuiet(t *testing.T) {
	for _, mode := range []Mode{Quiet, None} {
		if got := show(t.Context(), t, mode, func(d *Display) { send(d, step("a", "b", 0)...) }); got != "" {
			t.Errorf("%s shows %q", mode, got)
		}
	}
}

// TestCancelledIsShown proves that the end of the build's context does not end
// the display.
func TestCancelledIsShown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	got := show(ctx, t, Plain, func(d *Display) {
		cancel()
		send(d, step("[1/1] RUN make", "last words", 0)...)
	})
	if !strings.Contains(got, "last words") {
		t.Errorf("got:\n%s", got)
	}
}

func TestNothingDrawn(t *testing.T) {
	if got := show(t.Context(), t, Plain, func(*Display) {}); got != "" {
		t.Errorf("got %q", got)
	}
}

// TestAfterClose proves that a late sender neither blocks nor panics.
func TestAfterClose(t *testing.T) {
	var out bytes.Buffer
	d, err := New(t.Context(), &out, Plain, Options{})
	if err != nil {
		t.Fatal(err)
	}
	end := d.Step("before")
	for range 2 {
		if _, err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	end(nil)
	d.Step("after")(nil)
	send(d, step("late", "x", 0)...)
	if strings.Contains(out.String(), "late") {
		t.Errorf("got:\n%s", out.String())
	}
}

func TestManySenders(t *testing.T) {
	got := show(t.Context(), t, Plain, func(d *Display) {
		var senders sync.WaitGroup
		for i := range 20 {
			senders.Go(func() { d.Step(fmt.Sprintf("step <%d>", i))(nil) })
			senders.Go(func() { send(d, step(fmt.Sprintf("solve <%d>", i), "x", 0)...) })
		}
		senders.Wait()
	})
	for i := range 20 {
		for _, want := range []string{fmt.Sprintf("step <%d>", i), fmt.Sprintf("solve <%d>", i)} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is not shown", want)
			}
		}
	}
}

func TestTTYNeedsTerminal(t *testing.T) {
	if _, err := New(t.Context(), &bytes.Buffer{}, TTY, Options{}); err == nil {
		t.Error("got no error")
	}
}

func TestWarnings(t *testing.T) {
	warning := &client.VertexWarning{
		Short: []byte("FromAsCasing: 'as' and 'FROM' keywords' casing do not match"), URL: "https://docs.example.com/x",
		SourceInfo: &pb.SourceInfo{Filename: "Dockerfile"},
		Range:      []*pb.Range{{Start: &pb.Position{Line: 7}}},
	}
	var out bytes.Buffer
	d, err := New(t.Context(), &out, Quiet, Options{})
	if err != nil {
		t.Fatal(err)
	}
	send(d, &client.SolveStatus{Warnings: []*client.VertexWarning{warning, {Short: []byte("plain"), Detail: [][]byte{[]byte("one"), []byte("two")}}}})
	warnings, err := d.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := PrintWarnings(&out, warnings); err != nil {
		t.Fatal(err)
	}
	want := "warning: FromAsCasing: 'as' and 'FROM' keywords' casing do not match (Dockerfile:7), see https://docs.example.com/x\n" +
		"warning: plain\n  one\n  two\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}

func TestParseMode(t *testing.T) {
	for _, test := range []struct {
		value string
		quiet bool
		want  Mode // "" is an error
	}{
		{"", false, Auto}, {"auto", false, Auto}, {"tty", false, TTY}, {"plain", false, Plain}, {"rawjson", false, RawJSON},
		{"quiet", false, Quiet}, {"none", false, None}, {"", true, Quiet}, {"auto", true, Quiet}, {"none", true, Quiet},
		{"plain", true, ""}, {"tty", true, ""}, {"fancy", false, ""}, {"Plain", false, ""},
	} {
		got, err := ParseMode(test.value, test.quiet)
		if got != test.want {
			t.Errorf("%q, %v: got %q, want %q", test.value, test.quiet, got, test.want)
		}
		var wrong *usage.Error
		if test.want == "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), test.value)) {
			t.Errorf("%q, %v: got %v", test.value, test.quiet, err)
		}
	}
}

func FuzzParseMode(f *testing.F) {
	for _, mode := range modes() {
		f.Add(string(mode), true)
	}
	f.Fuzz(func(t *testing.T, value string, quiet bool) {
		mode, err := ParseMode(value, quiet)
		if (err == nil) == (mode == "") {
			t.Fatalf("%q, %v: got %q and %v", value, quiet, mode, err)
		}
	})
}

// What programs read has no credentials either, and it controls no terminal that it is printed on.
func TestRawJSONMasksCredentials(t *testing.T) {
	const secret = "https://me:hun&ter2@git.example.com/a.git"
	got := show(t.Context(), t, RawJSON, func(d *Display) {
		for _, status := range step("ADD "+secret+" \u009b31m \u202e", "cloning "+secret, 0) {
			status.Warnings = append(status.Warnings, &client.VertexWarning{Short: []byte(secret), Detail: [][]byte{[]byte(secret)}})
			send(d, status)
		}
	})
	if strings.ContainsAny(got, "\u009b\u202e") || strings.Contains(got, "ter2") {
		t.Errorf("%q", got)
	}
	for line := range strings.Lines(got) {
		var status client.SolveStatus
		if err := json.Unmarshal([]byte(line), &status); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for _, vertex := range status.Vertexes {
			if vertex.Name != "ADD https://***@git.example.com/a.git \u009b31m \u202e" {
				t.Errorf("%q", vertex.Name)
			}
		}
		for _, line := range status.Logs {
			if strings.Contains(string(line.Data), "ter2") {
				t.Errorf("%q", line.Data)
			}
		}
		for _, warning := range status.Warnings {
			if text := string(warning.Short) + string(warning.Detail[0]); strings.Contains(text, "ter2") {
				t.Errorf("%q", text)
			}
		}
	}
}

// A wait is one step: in plain text every state is a line, on a terminal its name changes.
func TestWait(t *testing.T) {
	draw := func(d *Display) {
		wait := d.Wait("waiting for x")
		wait.Show("place 2")
		wait.Show("place 1")
		wait.End()
		(*Wait)(nil).Show("nothing")
		(*Wait)(nil).End()
	}
	got := show(t.Context(), t, Plain, draw)
	for _, want := range []string{"#1 waiting for x\n", "place 2", "place 1\n", "#1 DONE"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, got)
		}
	}
	names := show(t.Context(), t, RawJSON, func(d *Display) {
		d.renames = true
		draw(d)
	})
	if !strings.Contains(names, `"waiting for x: place 1"`) || strings.Contains(names, `"logs"`) {
		t.Errorf("the names are\n%s", names)
	}
	if quiet := show(t.Context(), t, Quiet, draw); quiet != "" {
		t.Errorf("got %q", quiet)
	}
}
