package history

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// unpack returns the files of a bundle.
func unpack(t *testing.T, bundle io.Reader) map[string][]byte {
	t.Helper()
	decompressed, err := gzip.NewReader(bundle)
	if err != nil {
		t.Fatal(err)
	}
	files, archive := map[string][]byte{}, tar.NewReader(decompressed)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

func decode[T any](t *testing.T, text []byte) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}

func TestExport(t *testing.T) {
	d := newDaemon(t)
	record := entry("good", 60, 9)
	record.FrontendAttrs["cache-imports"] = `[{"Type":"gha","Attrs":{"token":"hidden","scope":"main"}}]`
	record.Logs = d.blob(t, "application/vnd.buildkit.status.v0", "status")
	record.Trace = d.blob(t, "application/vnd.buildkit.otlp.json.v0", `{"Value":"build --cache-to type=gha,token=hidden,scope=main"}`)
	record.Result = &controlapi.BuildResultInfo{
		Attestations: []*controlapi.Descriptor{d.blob(t, inTotoMediaType, "provenance")},
		Results:      map[int64]*controlapi.Descriptor{0: d.blob(t, ocispecs.MediaTypeImageManifest, `{"schemaVersion":2}`)},
	}
	record.Results = map[string]*controlapi.BuildResultInfo{"linux/arm64": record.Result}
	d.records = []*controlapi.BuildHistoryRecord{record}
	c := d.start(t)
	records, err := List(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	var bundle bytes.Buffer
	if err := Export(t.Context(), c, &bundle, records[0]); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(records[0].entry.FrontendAttrs["cache-imports"], "***") {
		t.Error("the export changed the record")
	}
	files := unpack(t, &bundle)
	blob := func(at ocispecs.Descriptor) []byte { return files["blobs/sha256/"+at.Digest.Encoded()] }
	index := decode[ocispecs.Index](t, files["index.json"])
	manifest := decode[ocispecs.Manifest](t, blob(index.Manifests[0]))
	config := decode[map[string]any](t, blob(manifest.Config))
	if manifest.Config.MediaType != recordMediaType || config["Ref"] != "good" || config["DefaultPlatform"] != "linux/arm64" {
		t.Errorf("the record is %v", config)
	}
	var all strings.Builder
	for _, text := range files {
		all.Write(text)
	}
	if strings.Contains(all.String(), "hidden") || !strings.Contains(all.String(), "scope=main") {
		t.Errorf("a token is in the bundle, or more than the token is missing: %s", all.String())
	}
	kinds := map[string]int{}
	for _, layer := range manifest.Layers {
		kinds[layer.MediaType]++
		if len(blob(layer)) == 0 {
			t.Errorf("the bundle has no %s %s", layer.MediaType, layer.Digest)
		}
	}
	if len(kinds) != 4 || len(manifest.Layers) != 4 {
		t.Errorf("the layers are %v", kinds)
	}
}

func TestSecretsAreBlanked(t *testing.T) {
	for in, want := range map[string]string{
		"type=s3,secret_access_key=abc/+1,region=x": "type=s3,secret_access_key=***,region=x",
		`{"token":"abc","scope":"x"}`:               `{"token":"***","scope":"x"}`,
		`"{\"token\":\"abc\"}"`:                     `"{\"token\":\"***\"}"`,
		"ghp_" + strings.Repeat("a", 36):            "***",
		"tokens are fine":                           "tokens are fine",
	} {
		if got := withoutSecrets(in); got != want {
			t.Errorf("%s: got %s", in, got)
		}
	}
}
