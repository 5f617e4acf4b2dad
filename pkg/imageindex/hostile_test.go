package imageindex_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
)

// indexWith returns an index of one image for linux/amd64 with one change.
func indexWith(t *testing.T, change func(*ocispecs.Index)) []byte {
	t.Helper()
	index := ocispecs.Index{MediaType: ocispecs.MediaTypeImageIndex, Manifests: []ocispecs.Descriptor{{
		MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString("a"), Size: 7,
		Platform: &ocispecs.Platform{OS: "linux", Architecture: "amd64"},
	}}}
	change(&index)
	text, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestHostileParts proves that a daemon cannot get anything into the index but an image of its own
// platform with its attestations.
func TestHostileParts(t *testing.T) {
	first := func(i *ocispecs.Index) *ocispecs.Descriptor { return &i.Manifests[0] }
	again := func(i *ocispecs.Index, change func(*ocispecs.Descriptor)) {
		more := i.Manifests[0]
		more.Digest = digest.FromString("b")
		change(&more)
		i.Manifests = append(i.Manifests, more)
	}
	attests := func(d *ocispecs.Descriptor, of string) {
		d.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of}
	}
	for name, test := range map[string]struct {
		change func(*ocispecs.Index)
		want   string
	}{
		"another platform": {func(i *ocispecs.Index) { first(i).Platform.Architecture = "arm64" }, "no image for platform linux/amd64"},
		"another variant":  {func(i *ocispecs.Index) { first(i).Platform.Variant = "v3" }, "no image for platform linux/amd64"},
		"another version":  {func(i *ocispecs.Index) { first(i).Platform.OSVersion = "1" }, "no image for platform linux/amd64"},
		"no platform":      {func(i *ocispecs.Index) { first(i).Platform = nil }, "no image for platform linux/amd64"},
		"nothing":          {func(i *ocispecs.Index) { i.Manifests = nil }, "no image for platform linux/amd64"},
		"one more platform": {func(i *ocispecs.Index) {
			again(i, func(d *ocispecs.Descriptor) { d.Platform = &ocispecs.Platform{OS: "linux", Architecture: "arm64"} })
		}, "not asked for: linux/arm64"},
		"the platform twice": {func(i *ocispecs.Index) { again(i, func(*ocispecs.Descriptor) {}) }, "not asked for: linux/amd64"},
		"one without":        {func(i *ocispecs.Index) { again(i, func(d *ocispecs.Descriptor) { d.Platform = nil }) }, "not asked for: none"},
		"foreign attestation": {func(i *ocispecs.Index) {
			again(i, func(d *ocispecs.Descriptor) { attests(d, digest.FromString("c").String()) })
		}, "not for one of its images"},
		"attested attestation": {func(i *ocispecs.Index) {
			again(i, func(d *ocispecs.Descriptor) { attests(d, d.Digest.String()) })
		}, "not for one of its images"},
		"two attestations": {func(i *ocispecs.Index) {
			again(i, func(d *ocispecs.Descriptor) { attests(d, i.Manifests[0].Digest.String()) })
			again(i, func(d *ocispecs.Descriptor) { attests(d, i.Manifests[0].Digest.String()) })
		}, "several attestation manifests"},
		"an index in it":   {func(i *ocispecs.Index) { first(i).MediaType = ocispecs.MediaTypeImageIndex }, "is not a manifest"},
		"other contents":   {func(i *ocispecs.Index) { first(i).MediaType = "text/html" }, "is not a manifest"},
		"URLs":             {func(i *ocispecs.Index) { first(i).URLs = []string{"https://elsewhere"} }, "has URLs or data"},
		"data":             {func(i *ocispecs.Index) { first(i).Data = []byte("x") }, "has URLs or data"},
		"no digest":        {func(i *ocispecs.Index) { first(i).Digest = "" }, "invalid digest"},
		"path as a digest": {func(i *ocispecs.Index) { first(i).Digest = "sha256:../../x" }, "invalid digest"},
		"another digest":   {func(i *ocispecs.Index) { first(i).Digest = "md5:d41d8cd98f00b204e9800998ecf8427e" }, "invalid digest"},
		"negative size":    {func(i *ocispecs.Index) { first(i).Size = -1 }, "invalid size"},
		"huge":             {func(i *ocispecs.Index) { first(i).Size = imageindex.MaxManifest + 1 }, "invalid size"},
		"no media type":    {func(i *ocispecs.Index) { i.MediaType = "" }, "no media type"},
		"layer":            {func(i *ocispecs.Index) { i.MediaType = ocispecs.MediaTypeImageLayer }, "not the media type of an image"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := imageindex.Merge([]imageindex.Part{part("linux/amd64", indexWith(t, test.change))}, imageindex.Options{Platforms: []string{"linux/amd64"}})
			var wrong *imageindex.PartError
			if !errors.As(err, &wrong) || wrong.From != "member of linux/amd64" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if _, err := imageindex.Merge([]imageindex.Part{part("linux/amd64", indexWith(t, func(*ocispecs.Index) {}))}, imageindex.Options{Platforms: []string{"linux/amd64"}}); err != nil {
		t.Errorf("without a change: %v", err)
	}
}

// TestPartsAreVerified proves that the bytes must have the digest that the daemon reported.
func TestPartsAreVerified(t *testing.T) {
	good := part("linux/amd64", indexWith(t, func(*ocispecs.Index) {}))
	for name, change := range map[string]func(*imageindex.Part){
		"another digest": func(p *imageindex.Part) { p.Descriptor.Digest = digest.FromString("x") },
		"another text":   func(p *imageindex.Part) { p.Text = append(p.Text, ' ') },
		"no digest":      func(p *imageindex.Part) { p.Descriptor.Digest = "" },
		"weak digest":    func(p *imageindex.Part) { p.Descriptor.Digest = "md5:d41d8cd98f00b204e9800998ecf8427e" },
		"no JSON":        func(p *imageindex.Part) { p.Text = []byte("<html>"); p.Descriptor.Digest = digest.FromBytes(p.Text) },
		"too large": func(p *imageindex.Part) {
			p.Text = make([]byte, imageindex.MaxManifest+1)
			p.Descriptor.Digest = digest.FromBytes(p.Text)
		},
	} {
		one := good
		change(&one)
		if _, err := imageindex.Merge([]imageindex.Part{one}, imageindex.Options{Platforms: []string{"linux/amd64"}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := imageindex.Merge([]imageindex.Part{good}, imageindex.Options{Platforms: []string{"linux/amd64", "linux/arm64"}}); err == nil {
		t.Error("a platform of no part: no error")
	}
	large := map[string]string{}
	for i := range 50 {
		large[fmt.Sprint(i)] = strings.Repeat("x", imageindex.MaxManifest/50)
	}
	var tooLarge *imageindex.TooLargeError
	if _, err := imageindex.Merge([]imageindex.Part{good}, imageindex.Options{Platforms: []string{"linux/amd64"}, Annotations: large}); !errors.As(err, &tooLarge) {
		t.Errorf("got %v", err)
	}
}

// FuzzMerge proves that whatever a daemon returns, an index has images of the asked platforms only,
// and can be merged again to the same bytes.
func FuzzMerge(f *testing.F) {
	for _, name := range []string{"plain", "docker", "provenance", "annotated"} {
		f.Add(golden(&testing.T{}, name, "amd64"))
		f.Add(golden(&testing.T{}, name, "whole"))
	}
	f.Add([]byte(`{"mediaType":"application/vnd.oci.image.manifest.v1+json"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		o := imageindex.Options{Platforms: []string{"linux/amd64"}}
		got, err := imageindex.Merge([]imageindex.Part{part("linux/amd64", text)}, o)
		if err != nil {
			return
		}
		if len(got.Manifests) > 2 || got.Manifests[0].Platform.Architecture != "amd64" || got.Manifests[0].Platform.OS != "linux" {
			t.Errorf("got %+v", got.Manifests)
		}
		again, err := imageindex.Merge([]imageindex.Part{part("linux/amd64", got.Text)}, o)
		if err != nil || string(again.Text) != string(got.Text) {
			t.Errorf("%v: %s became %s", err, got.Text, again.Text)
		}
	})
}
