package export

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// entries are the files of an archive, by name.
type entries map[string]string

// archiveOf returns the archive of the files; a name that ends with a slash is a directory.
func archiveOf(t *testing.T, files entries) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(files[name])), Mode: 0o644}
		if strings.HasSuffix(name, "/") {
			header.Typeflag, header.Size = tar.TypeDir, 0
		}
		err := w.WriteHeader(header)
		if header.Typeflag == tar.TypeReg && err == nil {
			_, err = io.WriteString(w, files[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func filesOf(t *testing.T, archive []byte) entries {
	t.Helper()
	files := entries{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		text, readErr := io.ReadAll(r)
		if err := errors.Join(err, readErr); err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(text)
	}
}

func blob(files entries, text []byte) digest.Digest {
	d := digest.FromBytes(text)
	files[blobName(d)] = string(text)
	return d
}

// imageOf returns the archive of an image for one platform, as a daemon sends it.
func imageOf(t *testing.T, arch string) entries {
	t.Helper()
	files := entries{}
	layer := blob(files, []byte("shared layer"))
	encode := func(value any) ([]byte, digest.Digest) {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return text, blob(files, text)
	}
	_, config := encode(map[string]string{"architecture": arch})
	manifest, manifestDigest := encode(ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest,
		Config: ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageConfig, Digest: config, Size: 1},
		Layers: []ocispecs.Descriptor{{MediaType: ocispecs.MediaTypeImageLayer, Digest: layer, Size: 12}},
	})
	index, indexDigest := encode(ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex,
		Manifests: []ocispecs.Descriptor{{
			MediaType: ocispecs.MediaTypeImageManifest, Digest: manifestDigest, Size: int64(len(manifest)), Platform: &ocispecs.Platform{OS: "linux", Architecture: arch},
		}},
	})
	list := ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}}
	for _, tag := range []string{"1", "2"} {
		list.Manifests = append(list.Manifests, ocispecs.Descriptor{
			MediaType: ocispecs.MediaTypeImageIndex, Digest: indexDigest, Size: int64(len(index)),
			Annotations: map[string]string{ocispecs.AnnotationRefName: tag, imageName: "r.io/a:" + tag},
		})
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	files[ocispecs.ImageIndexFile] = string(text)
	return files
}

func merging() Merging {
	return Merging{
		Parts: [][]string{{"linux/amd64"}, {"linux/arm64"}}, Platforms: []string{"linux/arm64", "linux/amd64"},
		Annotations: map[string]string{"a": "b"}, Descriptor: map[string]string{"c": "d"},
	}
}

// receive makes an attempt receive the archive, and succeed.
func receive(t *testing.T, c *Collection, n int, archive []byte) {
	t.Helper()
	entry := client.ExportEntry{Attrs: map[string]string{"tar": "false"}}
	staged := c.Part(n).Stage(&entry)
	defer staged.Discard()
	w, err := entry.Output(nil)
	if err == nil {
		_, err = w.Write(archive)
		err = errors.Join(err, w.Close(), staged.Commit())
	}
	if _, set := entry.Attrs["tar"]; err != nil || set {
		t.Fatalf("%v, asked for %v", err, entry.Attrs)
	}
}

func collect(t *testing.T, to Destination, image bool) *Collection {
	t.Helper()
	c, err := Collect(to, image, merging())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Discard)
	return c
}

func fileTarget(t *testing.T) (File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.tar")
	target, err := safefile.NewTarget(path, safefile.TargetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return File{Target: target}, path
}

func onlyIn(t *testing.T, dir string, want ...string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, entry := range found {
		names = append(names, entry.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("%s has %q; want %q", dir, names, want)
	}
}

// checkImage fails the test unless the files are an image of both platforms, in their order.
func checkImage(t *testing.T, files entries, index *imageindex.Index) {
	t.Helper()
	var list ocispecs.Index
	if err := json.Unmarshal([]byte(files[ocispecs.ImageIndexFile]), &list); err != nil || len(list.Manifests) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, tag := range []string{"1", "2"} {
		image := list.Manifests[i]
		if image.Digest != index.Digest || image.Annotations[ocispecs.AnnotationRefName] != tag || image.Annotations["c"] != "d" {
			t.Errorf("listed as %+v", image)
		}
	}
	var merged ocispecs.Index
	if err := json.Unmarshal([]byte(files[blobName(index.Digest)]), &merged); err != nil || merged.Annotations["a"] != "b" {
		t.Fatalf("%+v, %v", merged, err)
	}
	blobs := 0
	for name := range files {
		if strings.HasPrefix(name, "blobs/sha256/") && !strings.HasSuffix(name, "/") {
			blobs++
		}
	}
	if blobs != 6 { // two manifests, two configurations, one layer, and the index
		t.Errorf("%d blobs", blobs)
	}
	for i, arch := range []string{"arm64", "amd64"} {
		if i >= len(merged.Manifests) || merged.Manifests[i].Platform.Architecture != arch || files[blobName(merged.Manifests[i].Digest)] == "" {
			t.Errorf("%s is missing in %+v", arch, merged.Manifests)
		}
	}
	if !strings.Contains(files[ocispecs.ImageLayoutFile], "1.0.0") {
		t.Errorf("%s is %q", ocispecs.ImageLayoutFile, files[ocispecs.ImageLayoutFile])
	}
}

func TestCollectImageInFile(t *testing.T) {
	to, path := fileTarget(t)
	c := collect(t, to, true)
	receive(t, c, 1, []byte("of a lost connection"))
	receive(t, c, 0, archiveOf(t, imageOf(t, "amd64")))
	receive(t, c, 1, archiveOf(t, imageOf(t, "arm64")))
	index, err := c.Merge()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file has its name before Commit: %v", err)
	}
	err = c.Commit()
	c.Discard()
	text, readErr := os.ReadFile(path)
	if err := errors.Join(err, readErr); err != nil {
		t.Fatal(err)
	}
	checkImage(t, filesOf(t, text), index)
	onlyIn(t, filepath.Dir(path), "out.tar")
}

func TestCollectImageInLayout(t *testing.T) {
	dir := t.TempDir()
	layout, err := NewLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := collect(t, layout, true)
	receive(t, c, 0, archiveOf(t, imageOf(t, "amd64")))
	receive(t, c, 1, archiveOf(t, imageOf(t, "arm64")))
	index, err := c.Merge()
	if err := errors.Join(err, c.Commit()); err != nil {
		t.Fatal(err)
	}
	c.Discard()
	files := entries{}
	_ = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(dir, path)
			text, _ := os.ReadFile(path)
			files[filepath.ToSlash(name)] = string(text)
		}
		return err
	})
	checkImage(t, files, index)
	onlyIn(t, dir, "blobs", "index.json", "oci-layout")
}

func TestCollectTreesInStdout(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var out bytes.Buffer
	c := collect(t, Stdout{Writer: &out}, false)
	receive(t, c, 0, archiveOf(t, entries{"linux_amd64/": "", "linux_amd64/a": "1", "both/": ""}))
	receive(t, c, 1, archiveOf(t, entries{"linux_arm64/": "", "linux_arm64/a": "2", "both/": ""}))
	if index, err := c.Merge(); err != nil || index != nil || out.Len() > 0 {
		t.Fatalf("%v, %v, %d bytes before Commit", index, err, out.Len())
	}
	if err := c.Commit(); err != nil {
		t.Fatal(err)
	}
	c.Discard()
	if got, want := filesOf(t, out.Bytes()), (entries{"linux_amd64/": "", "linux_amd64/a": "1", "linux_arm64/": "", "linux_arm64/a": "2", "both/": ""}); !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	onlyIn(t, temp)
}

func TestCollectDirectory(t *testing.T) {
	dir := t.TempDir()
	tree, err := safefile.NewTree(dir, safefile.TreeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := collect(t, Directory{Named: dir, Tree: tree}, false)
	for n, name := range []string{"linux_amd64", "linux_arm64"} {
		entry := client.ExportEntry{}
		staged := c.Part(n).Stage(&entry)
		if err := errors.Join(os.MkdirAll(filepath.Join(entry.OutputDir, name), 0o755), staged.Commit()); err != nil {
			t.Fatal(err)
		}
		staged.Discard()
	}
	_, err = c.Merge()
	if err := errors.Join(err, c.Commit()); err != nil {
		t.Fatal(err)
	}
	c.Discard()
	onlyIn(t, dir, "linux_amd64", "linux_arm64")
}
