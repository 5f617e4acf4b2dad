package imageindex_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/containerd/platforms"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
)

func named() []string { return []string{"linux/amd64", "linux/386", "linux/arm64"} }

func golden(t *testing.T, name, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "one-daemon", name, file+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func part(platform string, text []byte) imageindex.Part {
	return imageindex.Part{
		From: "member of " + platform, Platforms: []string{platform}, Text: text,
		Descriptor: ocispecs.Descriptor{Digest: digest.FromBytes(text)},
	}
}

// partsOf returns the parts as if each platform had been built by a daemon.
func partsOf(t *testing.T, name string) []imageindex.Part {
	t.Helper()
	var parts []imageindex.Part
	for _, platform := range named() {
		parts = append(parts, part(platform, golden(t, name, filepath.Base(platform))))
	}
	return parts
}

// TestMergeIsWhatOneDaemonWrites merges what daemons have written for a platform each.
func TestMergeIsWhatOneDaemonWrites(t *testing.T) {
	annotated := map[string]string{"annotation-index.org.opencontainers.image.title": "<t&>"}
	for name, attrs := range map[string]map[string]string{"plain": nil, "docker": nil, "epoch": nil, "annotated": annotated} {
		t.Run(name, func(t *testing.T) {
			annotations, _, err := imageindex.Annotations(attrs)
			if err != nil {
				t.Fatal(err)
			}
			parts := partsOf(t, name)
			slices.Reverse(parts) // the order of the parts does not matter
			got, err := imageindex.Merge(parts, imageindex.Options{Platforms: named(), Annotations: annotations})
			if err != nil {
				t.Fatal(err)
			}
			want := golden(t, name, "whole")
			if !bytes.Equal(got.Text, want) {
				t.Errorf("got %s\nwant %s", got.Text, want)
			}
			if got.Digest != digest.FromBytes(want) {
				t.Errorf("the digest is %s", got.Digest)
			}
			if got.MediaType != mediaType(t, want) || len(got.Manifests) != 3 {
				t.Errorf("%s with %d manifests", got.MediaType, len(got.Manifests))
			}
		})
	}
}

func mediaType(t *testing.T, text []byte) string {
	t.Helper()
	found, err := imageindex.MediaType(text)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// splitWhole returns the parts that an index would have been merged of, a list of platforms each.
func splitWhole(t *testing.T, whole []byte, groups ...[]string) []imageindex.Part {
	t.Helper()
	var parts []imageindex.Part
	for _, group := range groups {
		var index ocispecs.Index
		if err := json.Unmarshal(whole, &index); err != nil {
			t.Fatal(err)
		}
		var images []string
		index.Manifests = slices.DeleteFunc(index.Manifests, func(d ocispecs.Descriptor) bool {
			if about := d.Annotations["vnd.docker.reference.digest"]; about != "" {
				return !slices.Contains(images, about)
			}
			images = append(images, d.Digest.String())
			asked := slices.Contains(group, platforms.FormatAll(*d.Platform))
			if !asked {
				images = images[:len(images)-1]
			}
			return !asked
		})
		text, err := json.Marshal(index)
		if err != nil {
			t.Fatal(err)
		}
		one := part(group[0], text)
		one.Platforms = group
		parts = append(parts, one)
	}
	return parts
}

// TestMergeWithAttestations takes the index of one daemon apart, since attestations differ in every
// build, and puts it together again.
func TestMergeWithAttestations(t *testing.T) {
	for _, name := range []string{"provenance", "classic"} {
		whole := golden(t, name, "whole")
		for shape, parts := range map[string][]imageindex.Part{
			"a platform each":      splitWhole(t, whole, []string{"linux/arm64"}, []string{"linux/amd64"}, []string{"linux/386"}),
			"two and one":          splitWhole(t, whole, []string{"linux/386", "linux/amd64"}, []string{"linux/arm64"}),
			"one daemon for three": splitWhole(t, whole, named()),
		} {
			got, err := imageindex.Merge(parts, imageindex.Options{Platforms: named()})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Text, whole) {
				t.Errorf("%s, %s: got %s\nwant %s", name, shape, got.Text, whole)
			}
		}
		parts := partsOf(t, name) // real parts have their own attestations
		got, err := imageindex.Merge(parts, imageindex.Options{Platforms: named()})
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range got.Manifests {
			isAttestation := d.Annotations["vnd.docker.reference.type"] != ""
			if isAttestation != (i >= 3) || isAttestation && d.Annotations["vnd.docker.reference.digest"] != got.Manifests[i-3].Digest.String() {
				t.Errorf("%s: manifest %d is %+v", name, i, d)
			}
		}
	}
}

// TestMergeManifests takes the manifests themselves, which have no platform in them.
func TestMergeManifests(t *testing.T) {
	manifest := func(media, marker string) []byte {
		return []byte(`{"schemaVersion":2,"mediaType":"` + media + `","config":{},"layers":[],"annotations":{"x":"` + marker + `"}}`)
	}
	first := part("linux/arm/v7", manifest(imageindex.DockerManifest, "a"))
	first.Platforms = []string{"linux/arm"} // normalized
	first.Descriptor.Annotations = map[string]string{"config.digest": "x", ocispecs.AnnotationCreated: "now", "mine": "kept"}
	second := part("windows/amd64", manifest(ocispecs.MediaTypeImageManifest, "b"))
	second.Descriptor.Platform = &ocispecs.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.1"}
	got, err := imageindex.Merge([]imageindex.Part{first, second}, imageindex.Options{Platforms: []string{"linux/arm", "windows/amd64"}})
	if err != nil {
		t.Fatal(err)
	}
	if got.MediaType != ocispecs.MediaTypeImageIndex {
		t.Errorf("one of OCI and one of Docker make %s", got.MediaType)
	}
	if p := got.Manifests[0].Platform; p.Variant != "v7" || p.Architecture != "arm" {
		t.Errorf("got %+v", p)
	}
	if !maps.Equal(got.Manifests[0].Annotations, map[string]string{"mine": "kept"}) {
		t.Errorf("got %v", got.Manifests[0].Annotations)
	}
	if got.Manifests[1].Platform.OSVersion != "10.0.20348.1" {
		t.Errorf("got %+v", got.Manifests[1].Platform)
	}
	only, err := imageindex.Merge([]imageindex.Part{first}, imageindex.Options{Platforms: []string{"linux/arm"}})
	if err != nil || only.MediaType != imageindex.DockerList {
		t.Errorf("got %v, %v", only, err)
	}
	lying := first
	lying.Descriptor.Platform = &ocispecs.Platform{OS: "linux", Architecture: "s390x"}
	if got, err := imageindex.Merge([]imageindex.Part{lying}, imageindex.Options{Platforms: []string{"linux/arm"}}); err != nil || got.Manifests[0].Platform.Architecture != "arm" {
		t.Errorf("the platform is what was asked for, not what is reported: %v, %v", got, err)
	}
}
