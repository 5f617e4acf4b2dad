package report

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestBuild(t *testing.T) {
	for name, failing := range map[string]bool{"succeeded": false, "failed": true} {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".json", smallBuild(t, failing))
		})
	}
}

func TestPathGoesBackThroughWhatEndedLast(t *testing.T) {
	build := smallBuild(t, false)
	var names []string
	for _, segment := range build.Path {
		names = append(names, build.Steps[segment.Step].Title())
	}
	want := []string{
		"[internal] load build definition from Dockerfile", "[internal] load metadata for docker.io/library/golang:latest",
		"[build 1/5] FROM docker.io/library/golang", "[build 2/5] WORKDIR /src", "[build 3/5] COPY go.* .", "[build 4/5] RUN go mod download",
		"[build 5/5] RUN go build -o /out/app ./cmd/app", "exporting to image",
	}
	if names = slices.Compact(names); !slices.Equal(names, want) { // the image is found first, and pulled later
		t.Errorf("got %q", names)
	}
	if build.Totals.Critical < build.Duration*95/100 || build.Totals.Critical > build.Duration {
		t.Errorf("the path takes %d ms of %d ms", build.Totals.Critical, build.Duration)
	}
}

// TestPathOfOneMoment proves that steps without length, which all are at the same
// time, do not make the search go on for ever.
func TestPathOfOneMoment(t *testing.T) {
	s := newScript()
	s.cached("a", 0)
	s.cached("b", 0, "a")
	s.cached("c", 0, "b")
	if path := s.recorder.Build(About{}).Path; len(path) != 1 {
		t.Errorf("got %+v", path)
	}
}

func TestNothingKnown(t *testing.T) {
	build := NewRecorder().Build(About{Title: "x", State: Failed, Err: errors.New("no space left on device")})
	if build.Failure == nil || build.Failure.Step != -1 || build.Duration != 0 || len(build.Steps) != 0 {
		t.Errorf("got %+v", build)
	}
}

func TestStepWithoutEnd(t *testing.T) {
	s := newScript()
	s.step("RUN sleep", 100, -1)
	s.transfer("RUN sleep", "transferring x:", 5, 200, 700)
	build := s.recorder.Build(About{State: Canceled})
	if step := build.Steps[0]; !step.Unfinished || step.Spans[0] != (Span{From: 0, To: 600}) || build.StateOfSteps() != Running {
		t.Errorf("got %+v", step)
	}
}

func TestStateOfSteps(t *testing.T) {
	for text, want := range map[string]State{"": Succeeded, "exit code: 1": Failed, "context canceled": Canceled} {
		s := newScript()
		vertex := s.step("RUN x", 0, 5)
		vertex.Error = text
		s.tell(vertex)
		if got := s.recorder.Build(About{}).StateOfSteps(); got != want {
			t.Errorf("%q: got %s", text, got)
		}
	}
}

func TestLogIsReadable(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nb\n":                       "a\nb\n",
		"10%\r50%\r100%\ndone\r\n":       "100%\ndone\n",
		"\x1b[1;32mok\x1b[0m \x1b[2Kx":   "ok x",
		"\x1b]8;;http://x\x07link\x1b\\": "link",
		"bell\a nul\x00 tab\t":           "bell nul tab\t",
		"\xff\xfe":                       `\xff\xfe`,
	} {
		if got := readable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestLongLogKeepsBothEnds(t *testing.T) {
	s := newScript()
	s.step("RUN x", 0, 5)
	const lines = 100_000
	for i := range lines {
		s.log("RUN x", strings.Repeat("x", 20)+string(rune('a'+i%26))+"\n")
	}
	s.log("RUN x", "the end\n")
	step := s.recorder.Build(About{}).Steps[0]
	start, end, cut := strings.Cut(step.Log, "\f")
	if !cut || len(start) != logHead || len(end) != logTail || !strings.HasSuffix(end, "the end\n") {
		t.Errorf("got %d and %d bytes, cut is %v", len(start), len(end), cut)
	}
	if total := lines*22 + 8; step.LogLost != total-logHead-logTail {
		t.Errorf("%d bytes are said to be lost", step.LogLost)
	}
}

func TestManyLongLogsFitIntoAPage(t *testing.T) {
	s := newScript()
	for i := range 200 {
		name := "RUN " + string(rune('0'+i))
		s.step(name, i, i+1)
		s.log(name, strings.Repeat("x", logHead+logTail))
	}
	total := 0
	for _, step := range s.recorder.Build(About{}).Steps {
		total += len(step.Log)
	}
	if total > logLimit+200 || total < logLimit*9/10 {
		t.Errorf("the logs take %d bytes", total)
	}
}

// TestWorksOnceMore proves that a step which worked twice, and whose first end is
// told late, has two spans.
func TestWorksOnceMore(t *testing.T) {
	s := newScript()
	s.step("FROM x", 0, 10)
	s.step("FROM x", 50, 90)
	s.tell(client.Vertex{Digest: digest.FromString("FROM x"), Name: "FROM x", Started: s.at(0), Completed: s.at(20)})
	if spans := s.recorder.Build(About{}).Steps[0].Spans; !slices.Equal(spans, []Span{{0, 20}, {50, 90}}) {
		t.Errorf("got %v", spans)
	}
}

// TestPageKeepsDataApart proves that nothing a build says ends the element that
// holds it, or becomes an attribute, a link that runs something, or another order
// of the text.
func TestPageKeepsDataApart(t *testing.T) {
	const hostile = `</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>"'` + "`${1}\u2028\u202e\x1b[2J https://u:hunter2@host/"
	s := newScript()
	vertex := s.step(hostile, 0, 10)
	vertex.Error = hostile
	s.tell(vertex)
	s.log(hostile, hostile)
	s.transfer(hostile, hostile, 1, 1, 2)
	s.recorder.Add(&client.SolveStatus{Warnings: []*client.VertexWarning{{
		Vertex: vertex.Digest, Short: []byte(hostile), URL: "javascript:alert(3)", Detail: [][]byte{[]byte(hostile)},
		SourceInfo: &pb.SourceInfo{Filename: hostile, Data: []byte(hostile)}, Range: []*pb.Range{{Start: &pb.Position{Line: 1}}},
	}}})
	err := errdefs.WithSource(errors.New(hostile), &errdefs.Source{
		Info: &pb.SourceInfo{Filename: hostile, Data: []byte(hostile)}, Ranges: []*pb.Range{{Start: &pb.Position{Line: 1}, End: &pb.Position{Line: 1}}},
	})
	build := s.recorder.Build(About{Title: hostile, State: Failed, Err: err, Facts: []Fact{{hostile, hostile}}})
	var page strings.Builder
	if err := WriteHTML(&page, build); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, forbidden := range []string{"<script>alert", "<img", "alert(1)>", "<!--<", "javascript:alert", "hunter2", "\u202e", "\u2028", "\x1b", `\u001b`, `"\u202e`} {
		if strings.Contains(text, forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
	if got := strings.Count(text, "</script>"); got != 2 {
		t.Errorf("%d scripts end in the page", got)
	}
}

// TestPolicyFitsThePage proves that the policy names the page's own script and
// style, and loads nothing.
func TestPolicyFitsThePage(t *testing.T) {
	var page strings.Builder
	if err := WriteHTML(&page, smallBuild(t, true)); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for element, directive := range map[string]string{"script": "script-src", "style": "style-src"} {
		_, rest, _ := strings.Cut(text, "<"+element+">")
		inside, _, _ := strings.Cut(rest, "</"+element+">")
		policy := directive + " &#39;" + strings.ReplaceAll(hashOf(inside), "+", "&#43;") + "&#39;"
		if inside == "" || !strings.Contains(text, policy) {
			t.Errorf("the policy has no %s", policy)
		}
	}
	for _, forbidden := range []string{`src="`, "@import", "url("} {
		if strings.Contains(text, forbidden) {
			t.Errorf("the page loads something: %s", forbidden)
		}
	}
}

func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "build.html")
	target, err := safefile.NewTarget(path, safefile.TargetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Save(t.Context(), target, smallBuild(t, false)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), "<!doctype html>") {
		t.Errorf("got %d bytes, %v", len(text), err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Save(t.Context(), target, Build{}); err == nil {
		t.Error("a page was written in place of a directory")
	}
}

// What is kept of logs is bounded while a build runs, however many steps a daemon tells of.
func TestLogsOfManyStepsAreBounded(t *testing.T) {
	r, line, most := NewRecorder(), bytes.Repeat([]byte("x"), 64<<10), 0
	for i := range 5000 {
		id := digest.FromString(strconv.Itoa(i))
		r.Add(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: id, Data: line}}})
		if i%500 == 499 {
			kept := 0
			for _, s := range r.order {
				kept += cap(s.log.head) + cap(s.log.tail)
			}
			most = max(most, kept)
		}
	}
	if len(r.order) != 5000 || most > 3*logLimit {
		t.Errorf("%d MiB of logs of %d steps are kept", most>>20, len(r.order))
	}
}

// A build that fails cancels what runs beside: that did not fail, and the build did not wait for
// it.
func TestCanceledStepsDidNotFail(t *testing.T) {
	s := newScript()
	s.step("deps", 0, 100)
	failing := s.step("test", 100, 1200, "deps")
	failing.Error = "exit code: 1"
	lint := s.step("lint", 100, 1300, "deps")
	lint.Error = "process did not complete: context canceled"
	s.tell(failing)
	s.tell(lint)
	for name, about := range map[string]About{
		"with its error":    {State: Failed, Err: errdefs.WrapVertex(errors.New("x"), failing.Digest)},
		"of another's step": {State: Failed, Err: errors.New("x")},
		"without":           {},
	} {
		build := s.recorder.Build(about)
		byName := map[string]Step{}
		for _, step := range build.Steps {
			byName[step.Name] = step
		}
		last := build.Path[len(build.Path)-1]
		if !byName["lint"].Canceled || byName["lint"].OnPath || byName["test"].Canceled || build.Steps[last.Step].Name != "test" || len(build.Path) != 2 {
			t.Errorf("%s: %+v, path %+v", name, build.Steps, build.Path)
		}
		if got := build.StateOfSteps(); got != Failed {
			t.Errorf("%s: the build is %s", name, got)
		}
	}
	// The step that the error is about failed, whatever its text.
	if build := s.recorder.Build(About{State: Failed, Err: errdefs.WrapVertex(errors.New("x"), lint.Digest)}); build.Steps[build.Failure.Step].Canceled {
		t.Errorf("got %+v", build.Steps)
	}
}

func TestFactsOfAttributes(t *testing.T) {
	got := FactsOf(map[string]string{
		"context": "https://u:hunter2@host/a.git", "vcs:revision": "abc", "filename": "build/Dockerfile", "target": "release", "platform": "linux/arm64",
		"build-arg:VERSION": "1", "build-arg:NPM_TOKEN": "hunter2", "build-arg:URL": "https://u:hunter2@host/", "label:x": "y",
	})
	want := []Fact{
		{"Source", "https://***@host/a.git"}, {"Commit", "abc"}, {"Dockerfile", "build/Dockerfile"}, {"Target", "release"},
		{"Platform", "linux/arm64"}, {"Build arguments", "NPM_TOKEN=*** URL=https://***@host/ VERSION=1"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
