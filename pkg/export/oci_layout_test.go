package export_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client/ociindex"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/export"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

func layout(t *testing.T, dir string) *export.Layout {
	t.Helper()
	l, err := export.NewLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// receive writes a blob and its entry in the index, as BuildKit's client does.
func receive(t *testing.T, dir, text, tag string) digest.Digest {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	store, err := local.NewStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := ocispecs.Descriptor{Digest: digest.FromString(text), Size: int64(len(text)), MediaType: ocispecs.MediaTypeImageManifest}
	if err := content.WriteBlob(t.Context(), store, text, bytes.NewReader([]byte(text)), found); err != nil {
		t.Fatal(err)
	}
	if err := ociindex.NewStoreIndex(dir).Put(found, ociindex.Tag(tag)); err != nil {
		t.Fatal(err)
	}
	return found.Digest
}

// tags are those of the layout whose blobs are there.
func tags(t *testing.T, dir string) (found []string) {
	t.Helper()
	index, err := ociindex.NewStoreIndex(dir).Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range index.Manifests {
		if _, err := os.Stat(blob(dir, image.Digest)); err != nil {
			t.Error(err)
		}
		found = append(found, image.Annotations[ocispecs.AnnotationRefName])
	}
	return found
}

func blob(dir string, of digest.Digest) string {
	return filepath.Join(dir, "blobs", "sha256", of.Encoded())
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, entry := range found {
		names = append(names, entry.Name())
	}
	return names
}

// A layout is there when the build is done, and nothing of one that is not.
func TestLayoutIsWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	failed := layout(t, dir).Begin()
	receive(t, failed.Receiving(), "one", "latest")
	if names := entries(t, dir); len(names) != 1 || !strings.HasSuffix(names[0], ".part") {
		t.Errorf("before the end there are %q", names)
	}
	failed.Discard()
	if names := entries(t, filepath.Dir(filepath.Dir(dir))); len(names) != 0 {
		t.Errorf("a build that failed left %q", names)
	}
	staged := layout(t, dir).Begin()
	defer staged.Discard()
	if err := errors.Join(staged.Commit(), os.MkdirAll(dir, 0o755)); err != nil || len(entries(t, dir)) != 0 {
		t.Errorf("without a result there are %q, %v", entries(t, dir), err)
	}
	receive(t, staged.Receiving(), "one", "latest")
	if err := staged.Commit(); err != nil {
		t.Fatal(err)
	}
	if names := entries(t, dir); !slices.Equal(names, []string{"blobs", "index.json", "oci-layout"}) || !slices.Equal(tags(t, dir), []string{"latest"}) {
		t.Errorf("there are %q, %q", names, tags(t, dir))
	}
}

// What a layout has is not received again, and stays, but for the image of the same tag, and for
// what BuildKit removes.
func TestLayoutKeepsWhatItHas(t *testing.T) {
	dir := t.TempDir()
	kept, replaced := receive(t, dir, "kept", "old"), receive(t, dir, "replaced", "latest")
	if err := errors.Join(os.Chmod(filepath.Join(dir, "index.json"), 0o600), os.Chmod(filepath.Join(dir, "blobs"), 0o700), os.WriteFile(filepath.Join(dir, "README"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	staged := layout(t, dir).Begin()
	defer staged.Discard()
	for _, has := range []digest.Digest{kept, replaced} {
		if _, err := os.Stat(blob(staged.Receiving(), has)); err != nil {
			t.Errorf("it would be received again: %v", err)
		}
	}
	receive(t, staged.Receiving(), "new", "latest")
	if err := os.Remove(blob(staged.Receiving(), replaced)); err != nil { // reset=true
		t.Fatal(err)
	}
	between := layout(t, dir).Begin()
	defer between.Discard()
	meanwhile := receive(t, between.Receiving(), "meanwhile", "other")
	if err := errors.Join(between.Commit(), staged.Commit()); err != nil {
		t.Fatal(err)
	}
	if got := tags(t, dir); !slices.Equal(got, []string{"old", "other", "latest"}) {
		t.Errorf("the tags are %q", got)
	}
	for of, there := range map[digest.Digest]bool{kept: true, meanwhile: true, replaced: false} {
		if _, err := os.Stat(blob(dir, of)); (err == nil) != there {
			t.Errorf("%s is there: %v", of, err == nil)
		}
	}
	for name, want := range map[string]fs.FileMode{"index.json": 0o600, "blobs": fs.ModeDir | 0o700, "README": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// Others may have made the directory: nothing is written through links in it, and nothing in it is
// waited for.
func TestHostileLayouts(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "profile")
	if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := func(to string) func(string) error {
		return func(path string) error { return os.Symlink(to, path) }
	}
	for _, c := range []struct {
		name, want string
		create     func(string) error
	}{
		{"oci-layout", "its oci-layout is a link", link(outside)},
		{"index.json", "its index.json is a link", link(outside)},
		{"index.json", "its index.json is a link", link("elsewhere.json")},
		{"index.json", "its index.json is a directory", func(path string) error { return os.Mkdir(path, 0o755) }},
		{"index.json", "its index.json cannot be read", func(path string) error { return os.WriteFile(path, []byte("{"), 0o644) }},
		{"index.json", "its index.json cannot be read", func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, 1<<40)) }},
		{"blobs", "its blobs is a link", link(filepath.Dir(outside))},
		{"blobs/sha256", "its blobs/sha256 is a link", link(filepath.Dir(outside))},
		{"blobs", "its blobs is a regular file", func(path string) error { return os.WriteFile(path, nil, 0o644) }},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, c.name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), c.create(path)); err != nil {
			t.Fatal(err)
		}
		_, err := export.NewLayout(dir)
		var unwritable *safefile.UnwritableError
		if !errors.As(err, &unwritable) || !strings.Contains(unwritable.Reason, c.want) || unwritable.Next == "" {
			t.Errorf("%s: got %v", c.want, err)
		}
	}
	dir := t.TempDir()
	receive(t, dir, "one", "latest")
	staged := layout(t, dir).Begin() // and only then the others come
	defer staged.Discard()
	receive(t, staged.Receiving(), "two", "latest")
	for _, name := range []string{"index.json", "oci-layout", "blobs"} {
		if err := errors.Join(os.RemoveAll(filepath.Join(dir, name)), os.Symlink(outside, filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
	}
	_ = staged.Commit()
	if text, err := os.ReadFile(outside); err != nil || string(text) != "mine" {
		t.Errorf("it was written through a link: %q, %v", text, err)
	}
}

func TestFindCache(t *testing.T) {
	dir := t.TempDir()
	if _, err := export.FindCache(dir, "", ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
	latest, tagged := receive(t, dir, "a", "latest"), receive(t, dir, "b", "tag")
	for _, c := range []struct{ tag, digest, want string }{
		{"", "", latest.String()}, {"latest", "", latest.String()}, {"tag", "", tagged.String()}, {"x", latest.String(), latest.String()},
	} {
		if got, err := export.FindCache(dir, c.tag, c.digest); err != nil || got != c.want {
			t.Errorf("%q, %q: got %s, %v", c.tag, c.digest, got, err)
		}
	}
	for _, c := range []struct{ tag, digest string }{{"none", ""}, {"", digest.FromString("none").String()}} {
		if got, err := export.FindCache(dir, c.tag, c.digest); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q, %q: got %s, %v", c.tag, c.digest, got, err)
		}
	}
	if _, err := export.FindCache(dir, "", "sha256:../../x"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a wrong digest: %v", err)
	}
	if err := os.Symlink("/etc/hostname", blob(dir, digest.FromString("key"))); err != nil {
		t.Fatal(err)
	}
	if _, err := export.FindCache(dir, "", ""); err == nil || !strings.Contains(err.Error(), "is a link, not a blob") {
		t.Errorf("a link among the blobs: %v", err)
	}
}
