package progress

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

func TestLabel(t *testing.T) {
	l := Label(nil, "linux/arm64")
	for name, want := range map[string]string{
		"[linux/arm64 2/3] RUN make":              "[linux/arm64 2/3] RUN make",
		"[linux/arm64->amd64 build 1/2] RUN make": "[linux/arm64->amd64 build 1/2] RUN make",
		"[1/2] FROM scratch":                      "[linux/arm64 1/2] FROM scratch",
		"[stage-1 1/2] FROM scratch":              "[linux/arm64 stage-1 1/2] FROM scratch",
		"[internal] load build context":           "[linux/arm64 internal] load build context",
		"exporting to image":                      "[linux/arm64] exporting to image",
		"[":                                       "[linux/arm64 ",
		"":                                        "[linux/arm64] ",
	} {
		if got := l.name(name); got != want {
			t.Errorf("%q became %q; want %q", name, got, want)
		}
	}
}

// Steps that two daemons report with the same digest are shown as two, also after one of the builds
// was sent again, and neither daemon's clock moves the other's steps.
func TestStepsOfTwoDaemonsAreTwo(t *testing.T) {
	got := show(t.Context(), t, RawJSON, func(d *Display) {
		first, second := Label(d, "linux/amd64"), Label(d, "linux/arm64")
		for _, part := range []struct {
			*Labeled
			behind time.Duration
			line   string
		}{{first, 0, "one"}, {second, time.Hour, "two"}, {second, time.Hour, "two"}} {
			ch := part.Attach()
			for _, status := range step("[1/1] RUN make", part.line, part.behind) {
				status.Warnings = []*client.VertexWarning{{Vertex: digest.FromString("[1/1] RUN make"), Short: []byte("w")}}
				ch <- status
			}
			close(ch)
		}
	})
	names, lines := map[string]string{}, ""
	for line := range strings.Lines(got) {
		var status client.SolveStatus
		if err := json.Unmarshal([]byte(line), &status); err != nil {
			t.Fatal(err)
		}
		for _, vertex := range status.Vertexes {
			names[vertex.Digest.String()] = vertex.Name
			if age := time.Since(*vertex.Started); age > time.Minute || age < -time.Minute {
				t.Errorf("%s started %v ago", vertex.Name, age)
			}
		}
		for _, log := range status.Logs {
			lines += names[log.Vertex.String()] + ": " + string(log.Data)
		}
		for _, warning := range status.Warnings {
			if names[warning.Vertex.String()] == "" {
				t.Errorf("a warning is about %q", warning.Vertex)
			}
		}
	}
	if want := []string{"[linux/amd64 1/1] RUN make", "[linux/arm64 1/1] RUN make"}; !slices.Equal(slices.Sorted(maps.Values(names)), want) {
		t.Errorf("steps are %q", names)
	}
	if strings.Count(lines, "one") != 1 || strings.Count(lines, "two") != 1 {
		t.Errorf("lines are %q", lines)
	}
}
