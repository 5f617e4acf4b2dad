package result

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// twoParts are the results of two daemons.
func twoParts() []Part {
	one := New("ref1", "r.io/a", map[string]string{
		"containerimage.digest": digest.FromString("1").String(), "image.name": "r.io/a", "same": "x", "other": "1", "only": "y",
	})
	two := New("ref2", "r.io/a", map[string]string{
		"containerimage.digest": digest.FromString("2").String(), "image.name": "r.io/a", "same": "x", "other": "2",
	})
	one.AddBuilder("b", "b-0")
	two.AddBuilder("b-arm64", "b-arm64-1")
	one.AddProvenance(map[string]json.RawMessage{"linux/amd64": json.RawMessage(`{"p":1}`)})
	two.AddProvenance(map[string]json.RawMessage{"linux/arm64": json.RawMessage(`{"p":2}`)})
	one.AddNotice("n")
	two.AddNotice("n")
	return []Part{{[]string{"linux/amd64", "linux/386"}, one}, {[]string{"linux/arm64"}, two}}
}

func metadataOf(t *testing.T, r *Result) map[string]any {
	t.Helper()
	path := filepath.Join(t.TempDir(), "metadata")
	if err := r.WriteMetadata(t.Context(), target(t, path)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]any{}
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestMerge(t *testing.T) {
	index := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageIndex, Digest: digest.FromString("index"), Size: 7}
	merged := Merge(twoParts(), &index, "r.io/a:1", []string{"r.io/a:1", "r.io/a:2"})
	if err := merged.Check(); err != nil || merged.Line() != "r.io/a:1@"+index.Digest.String() || merged.ImageID() != index.Digest.String() {
		t.Errorf("line %q, ID %q, %v", merged.Line(), merged.ImageID(), err)
	}
	if described, err := merged.Descriptor(); err != nil || described.Size != 7 || described.Digest != index.Digest {
		t.Errorf("described as %+v, %v", described, err)
	}
	if notices := merged.Notices(); !slices.Equal(notices, []string{"n"}) {
		t.Errorf("notices %q", notices)
	}
	found := metadataOf(t, merged)
	for key, want := range map[string]string{
		"containerimage.digest": index.Digest.String(), "image.name": "r.io/a:1,r.io/a:2", "same": "x", "only": "y",
		"other/linux/amd64,linux/386": "1", "other/linux/arm64": "2",
		RefKey: "ref1", RefKey + "/linux/arm64": "ref2", DockerRefKey + "/linux/arm64": "b-arm64/b-arm64-1/ref2",
	} {
		if found[key] != want {
			t.Errorf("%s is %v; want %s", key, found[key], want)
		}
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		if found[ProvenanceKey+"/"+platform] == nil {
			t.Errorf("%s has no provenance", platform)
		}
	}
	if _, has := found["other"]; has {
		t.Error("a value that differs has a key for all")
	}
}

// Without an index, the digests are those of the parts.
func TestMergeWithoutIndex(t *testing.T) {
	merged := Merge(twoParts(), nil, "", nil)
	if merged.Line() != "" || merged.Digest() != "" {
		t.Errorf("line %q, digest %q", merged.Line(), merged.Digest())
	}
	if found := metadataOf(t, merged); found["containerimage.digest/linux/arm64"] != digest.FromString("2").String() {
		t.Errorf("got %v", found)
	}
}

// A daemon's description of an image is not trusted as it is.
func TestDescriptorIsChecked(t *testing.T) {
	for key, value := range map[string]string{
		"containerimage.descriptor": "e30", "containerimage.digest": "sha256:x", "none": "",
	} {
		if _, err := New("", "", map[string]string{key: value}).Descriptor(); err == nil || !strings.Contains(err.Error(), "containerimage.") {
			t.Errorf("%s=%q: got %v", key, value, err)
		}
	}
}
