package export

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// What cannot be merged leaves nothing behind.
func TestCollectRefuses(t *testing.T) {
	good, changed := imageOf(t, "arm64"), imageOf(t, "arm64")
	for name := range changed {
		if strings.HasPrefix(name, "blobs/") && changed[name] == "shared layer" {
			changed[name] = "changed layer"
		}
	}
	without := maps.Clone(good)
	delete(without, ocispecs.ImageIndexFile)
	for name, test := range map[string]struct {
		image bool
		part  []byte
		want  string
	}{
		"a file of two platforms":  {false, archiveOf(t, entries{"same": "2"}), "two platforms have the file same"},
		"a changed blob":           {true, archiveOf(t, changed), "does not have that digest"},
		"an archive without index": {true, archiveOf(t, without), `does not have "index.json"`},
		"no image":                 {true, archiveOf(t, entries{"index.json": "{}"}), "has no image"},
		"an image of another one":  {true, archiveOf(t, imageOf(t, "s390x")), "linux/arm64"},
		"half an archive":          {true, archiveOf(t, good)[:700], "reading the archive of [linux/arm64]"},
		"no digest":                {true, archiveOf(t, entries{"index.json": `{"manifests":[{"digest":"../../x"}]}`}), "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			to, path := fileTarget(t)
			c := collect(t, to, test.image)
			first := archiveOf(t, entries{"same": "1"})
			if test.image {
				files := imageOf(t, "amd64")
				delete(files, blobName(digest.FromString("shared layer")))
				first = archiveOf(t, files)
			}
			receive(t, c, 0, first)
			receive(t, c, 1, test.part)
			if _, err := c.Merge(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v; want %q", err, test.want)
			}
			c.Discard()
			onlyIn(t, filepath.Dir(path))
		})
	}
}

// An error of the daemon's that names a file below the directory for temporary files, as steps do,
// is not about what is received there.
func TestCollectBlamesNoTemporaryFile(t *testing.T) {
	c := collect(t, Stdout{Writer: io.Discard}, false)
	entry := client.ExportEntry{}
	staged := c.Part(0).Stage(&entry)
	if places := c.Part(0).Places(); slices.ContainsFunc(places, func(place string) bool { return strings.HasPrefix(os.TempDir(), place) }) {
		t.Errorf("errors may name %q", places)
	}
	if tree, ok := staged.(interface{ Unwritten() error }); ok && tree.Unwritten() != nil {
		t.Errorf("got %v before anything was received", tree.Unwritten())
	}
}
