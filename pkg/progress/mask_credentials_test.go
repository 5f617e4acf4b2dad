package progress

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// Every text of a daemon may have a URL with a token in it: neither --progress rawjson nor a trace
// has it, in any field, and what is passed on is not changed.
func TestCredentialsAreMaskedForPrograms(t *testing.T) {
	const url = "https://user:t0k3n@git.example.com/a.git"
	now, step := time.Now(), digest.FromString("x")
	report := &client.SolveStatus{
		Vertexes: []*client.Vertex{{Digest: step, Name: url, Error: url, Started: &now, ProgressGroup: &pb.ProgressGroup{Id: "g", Name: url}}},
		Statuses: []*client.VertexStatus{{Vertex: step, ID: url, Name: url, Timestamp: now}},
		Logs:     []*client.VertexLog{{Vertex: step, Data: []byte(url + "\n"), Timestamp: now}},
		Warnings: []*client.VertexWarning{{Vertex: step, Short: []byte(url), URL: url, Detail: [][]byte{[]byte(url)}, SourceInfo: &pb.SourceInfo{
			Data: []byte(url), Definition: &pb.Definition{Metadata: map[string]*pb.OpMetadata{"x": {Description: map[string]string{"llb.customname": url}}}},
		}}},
	}
	before, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var trace bytes.Buffer
	raw := show(t.Context(), t, RawJSON, func(d *Display) {
		traced := NewTrace(d, &trace)
		statuses := traced.Attach()
		statuses <- report
		close(statuses)
		if _, err := d.Close(); err != nil || traced.Err() != nil {
			t.Errorf("got %v and %v", err, traced.Err())
		}
	})
	for name, text := range map[string]string{"rawjson": raw, "trace": trace.String()} {
		var got client.SolveStatus
		if err := json.Unmarshal([]byte(strings.SplitN(text, "\n", 2)[0]), &got); err != nil {
			t.Fatal(err)
		}
		fields := []string{got.Vertexes[0].Name, got.Vertexes[0].Error, got.Vertexes[0].ProgressGroup.GetName(), got.Statuses[0].ID, got.Statuses[0].Name, string(got.Logs[0].Data)}
		if len(got.Warnings) > 0 {
			fields = append(fields, string(got.Warnings[0].Short), got.Warnings[0].URL, string(got.Warnings[0].Detail[0]),
				string(got.Warnings[0].SourceInfo.Data), got.Warnings[0].SourceInfo.Definition.Metadata["x"].Description["llb.customname"])
		}
		for _, field := range fields {
			if strings.TrimSpace(field) != "https://***@git.example.com/a.git" {
				t.Errorf("%s: got %q", name, field)
			}
		}
	}
	if after, err := json.Marshal(report); err != nil || !bytes.Equal(before, after) {
		t.Errorf("what the daemon reported was changed: %s", after)
	}
}
