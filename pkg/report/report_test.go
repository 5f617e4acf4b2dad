package report

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
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
		"\xff\xfe":                       "\uFFFD",
	} {
		if got := readable(in, terminalEscapes()); got != want {
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
// holds it, or becomes an attribute.
func TestPageKeepsDataApart(t *testing.T) {
	const hostile = `</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>"'` + "`${1}"
	s := newScript()
	s.step(hostile, 0, 10)
	s.log(hostile, hostile)
	build := s.recorder.Build(About{Title: hostile, Err: errors.New(hostile), Facts: []Fact{{hostile, hostile}}})
	var page strings.Builder
	if err := WriteHTML(&page, build); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, forbidden := range []string{"<script>alert", "<img", "alert(1)>", "<!--<"} {
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
