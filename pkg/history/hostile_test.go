package history

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	controlapi "github.com/moby/buildkit/api/services/control"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	spb "google.golang.org/genproto/googleapis/rpc/status"
)

// sizedStore says of every blob that it has that size.
type sizedStore struct {
	content.Store
	size int64
}

func (s sizedStore) Info(ctx context.Context, d digest.Digest) (content.Info, error) {
	info, err := s.Store.Info(ctx, d)
	info.Size = s.size
	return info, err
}

// A daemon's figure for a blob's size is an error where it cannot be, and nothing is allocated for
// it.
func TestSizesOfBlobsAreBounded(t *testing.T) {
	for _, size := range []int64{1 << 60, maxBlob + 1, -1} {
		d := newDaemon(t)
		record := entry("a", 10, 1)
		record.Error, record.ExternalError = &spb.Status{Code: 2}, d.blob(t, "application/octet-stream", "error")
		record.Trace = d.blob(t, "application/vnd.buildkit.otlp.json.v0", "{ }")
		// A daemon may call anything a manifest, which the archive's writer then reads whole.
		manifest := d.blob(t, ocispecs.MediaTypeImageManifest, `{"schemaVersion":2}`)
		provenance := d.blob(t, inTotoMediaType, "{}")
		provenance.Annotations = map[string]string{predicateAnnotation: "https://slsa.dev/provenance/v0.2"}
		record.Result = &controlapi.BuildResultInfo{Attestations: []*controlapi.Descriptor{provenance}}
		other := entry("b", 100, 1)
		other.Result = &controlapi.BuildResultInfo{Attestations: []*controlapi.Descriptor{manifest}}
		d.records = append(d.records, record, other)
		d.store = sizedStore{d.store, size}
		c := d.start(t)
		records, err := List(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, read := range map[string]func() error{
			"provenance": func() error { _, err := Provenance(t.Context(), c, "a", true); return err },
			"failure":    func() error { _, err := Failure(t.Context(), c, records[0]); return err },
			"trace":      func() error { return Export(t.Context(), c, io.Discard, records[0]) },
			"manifest":   func() error { return Export(t.Context(), c, io.Discard, records[1]) },
		} {
			if err := read(); err == nil || !strings.Contains(err.Error(), "the maximum is") {
				t.Errorf("%s of %d bytes: %v", name, size, err)
			}
		}
	}
}

// A blob that is shorter than announced is an error as well.
func TestShortBlob(t *testing.T) {
	d := newDaemon(t)
	blob := d.blob(t, "text/plain", "short")
	d.store = sizedStore{d.store, 100}
	if text, err := blobsOf(d.start(t)).read(t.Context(), blob); err == nil {
		t.Errorf("got %q", text)
	}
}

// One record with text that is not UTF-8 does not end history for everyone.
func TestRecordsNeedNotBeUTF8(t *testing.T) {
	d := newDaemon(t)
	latin, plain := entry("latin", 10, 1), entry("plain", 20, 1)
	latin.FrontendAttrs["build-arg:who"] = "Ren\xe9"
	latin.Exporters = []*controlapi.Exporter{{Type: "image", Attrs: map[string]string{"name": "caf\xe9"}}}
	d.records = []*controlapi.BuildHistoryRecord{latin, plain}
	d.statuses["latin"] = []*controlapi.StatusResponse{{Logs: []*controlapi.VertexLog{{Vertex: digest.FromString("x").String(), Msg: []byte("\xe9")}}, Vertexes: []*controlapi.Vertex{{Digest: digest.FromString("x").String(), Name: "COPY caf\xe9 /"}}}}
	c := d.start(t)
	records, err := List(t.Context(), c, nil)
	if err != nil || len(records) != 2 || records[0].Name != "caf\xe9" {
		t.Fatalf("got %+v, %v", records, err)
	}
	details, err := Inspect(t.Context(), c, records[0])
	if err != nil || details.Attributes["build-arg:who"] != "Ren\xe9" {
		t.Errorf("got %+v, %v", details, err)
	}
	build, err := Draw(t.Context(), c, records[0])
	if err != nil || len(build.Steps) != 1 {
		t.Errorf("got %+v, %v", build, err)
	}
	var bundle bytes.Buffer
	if err := Export(t.Context(), c, &bundle, records[0]); err != nil {
		t.Error(err)
	}
}

// What of a record is blanked, whichever command shows it.
func TestCredentialsAreBlanked(t *testing.T) {
	token := "ghs_" + strings.Repeat("a", 36)
	for text, want := range map[string]string{
		"https://user:tok3n@git.example.com/a.git#main":                 "https://git.example.com/a.git#main",
		"git clone https://user:tok3n@git.example.com/a":                "git clone https://***@git.example.com/a",
		`{"secret_access_key":"abc"}`:                                   `{"secret_access_key":"***"}`,
		"type=s3,secret_access_key=abc,bucket=b":                        "type=s3,secret_access_key=***,bucket=b",
		token:                                                           "***",
		"registry.example.com/app:1@" + digest.FromString("x").String(): "registry.example.com/app:1@" + digest.FromString("x").String(),
	} {
		entry := &controlapi.BuildHistoryRecord{FrontendAttrs: map[string]string{"x": text}}
		if got := attributesOf(entry)["x"]; got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// Whatever a record has in a text, the token in an address is not among it.
func TestInspectMasksEveryText(t *testing.T) {
	const secret = "https://me:hunter2@git.example.com/a.git"
	d := newDaemon(t)
	record := entry("a", 10, 1)
	record.FrontendAttrs = map[string]string{"context": secret, "build-arg:URL": "x " + secret, "target": secret}
	record.Exporters = []*controlapi.Exporter{{Type: "image", Attrs: map[string]string{"name": secret}}}
	record.ExporterResponse = map[string]string{"url": secret}
	record.Error = &spb.Status{Code: 2, Message: "fetching " + secret}
	step := digest.FromString("x").String()
	d.records = []*controlapi.BuildHistoryRecord{record}
	d.statuses["a"] = []*controlapi.StatusResponse{{
		Vertexes: []*controlapi.Vertex{{Digest: step, Name: "ADD " + secret, Error: "fetching " + secret}},
		Logs:     []*controlapi.VertexLog{{Vertex: step, Msg: []byte("cloning " + secret + "\n")}},
		Warnings: []*controlapi.VertexWarning{{Vertex: step, Short: []byte(secret), Detail: [][]byte{[]byte(secret)}, Url: secret}},
	}}
	c := d.start(t)
	records, err := List(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	details, err := Inspect(t.Context(), c, records[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{"list": records[0], "inspect": details} {
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(value); err != nil || !strings.Contains(text.String(), "***@git.example.com") {
			t.Errorf("%s: %v, %s", name, err, &text)
		}
		if strings.Contains(text.String(), "hunter2") {
			t.Errorf("%s has the token: %s", name, &text)
		}
	}
}
