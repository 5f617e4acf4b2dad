package safefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// tree is a directory with a file in it, and one beside it.
func tree(t *testing.T) (dir, outside string) {
	t.Helper()
	top := t.TempDir()
	dir, outside = filepath.Join(top, "dir"), filepath.Join(top, "secret")
	err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "sub", "deep"), 0o755), os.WriteFile(outside, []byte("KEY"), 0o600),
		os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o644), os.WriteFile(filepath.Join(dir, "sub", "deep", "file"), []byte("deep"), 0o644),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dir, outside
}

func open(t *testing.T, dir string) *safefile.Root {
	t.Helper()
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestRootStaysInside(t *testing.T) {
	dir, outside := tree(t)
	link(t, "../secret", filepath.Join(dir, "up"))
	link(t, outside, filepath.Join(dir, "absolute"))
	link(t, "..", filepath.Join(dir, "parent"))
	link(t, "up", filepath.Join(dir, "twice"))
	link(t, "sub/deep/file", filepath.Join(dir, "inside"))
	link(t, filepath.Join(dir, "sub", "deep", "file"), filepath.Join(dir, "absolute inside"))
	link(t, filepath.Join(dir, "absolute inside"), filepath.Join(dir, "sub", "absolute twice"))
	link(t, filepath.Join(dir, "sub"), filepath.Join(dir, "absolute directory"))
	link(t, "../"+filepath.Base(dir)+"/file", filepath.Join(dir, "out and back"))
	link(t, filepath.Join(dir, "up"), filepath.Join(dir, "absolute to up"))
	link(t, filepath.Join(filepath.Dir(dir), "another"), filepath.Join(dir, "absolute to nothing"))
	link(t, "../../file", filepath.Join(dir, "sub", "deep", "back"))
	root := open(t, dir)
	for name, want := range map[string]string{
		"absolute inside": "deep", "sub/absolute twice": "deep", "absolute directory/deep/file": "deep", "out and back": "text",
		"file": "text", "inside": "deep", "sub/deep/back": "text", "/file": "text", "./sub/../file": "text", "sub/deep/file": "deep",
	} {
		if text, err := root.ReadFile(name, 10); err != nil || string(text) != want {
			t.Errorf("%s reads as %q, %v", name, text, err)
		}
	}
	for _, name := range []string{"up", "absolute", "parent/secret", "twice", "absolute to up", "absolute to nothing", "../secret", "sub/../../secret"} {
		text, err := root.ReadFile(name, 10)
		var leaves *safefile.LeavesError
		if !errors.As(err, &leaves) || text != nil {
			t.Errorf("%s reads as %q, %v", name, text, err)
			continue
		}
		if leaves.Dir != dir || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: the error is %q", name, err)
		}
	}
}

// The reason that is given for a link is the true one.
func TestLinksInRoot(t *testing.T) {
	dir, _ := tree(t)
	link(t, "nothing", filepath.Join(dir, "dangling"))
	link(t, filepath.Join(dir, "nothing"), filepath.Join(dir, "absolute dangling"))
	link(t, filepath.Join(dir, "sub"), filepath.Join(dir, "absolute directory"))
	link(t, "loop", filepath.Join(dir, "loop"))
	link(t, filepath.Join(dir, "absolute loop"), filepath.Join(dir, "absolute loop"))
	root := open(t, dir)
	for name, want := range map[string]string{
		"dangling":          `"dangling" is a link to "nothing", which does not exist`,
		"absolute dangling": `"absolute dangling" is a link to "` + filepath.Join(dir, "nothing") + `", which does not exist`,
	} {
		var dangling *safefile.DanglingError
		if _, err := root.ReadFile(name, 10); !errors.As(err, &dangling) || !errors.Is(err, fs.ErrNotExist) || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"loop", "absolute loop"} {
		if _, err := root.ReadFile(name, 10); err == nil || !strings.Contains(err.Error(), "too many") {
			t.Errorf("%s: %v", name, err)
		}
	}
	var kind *safefile.NotRegularError
	if _, err := root.ReadFile("absolute directory", 10); !errors.As(err, &kind) || !kind.Mode.IsDir() {
		t.Errorf("a directory: %v", err)
	}
}

func TestRootReadsRegularFilesOfBoundedSize(t *testing.T) {
	dir, _ := tree(t)
	root := open(t, dir)
	if _, err := root.ReadFile("file", 4); err != nil {
		t.Error(err)
	}
	var large *safefile.TooLargeError
	if _, err := root.ReadFile("file", 3); !errors.As(err, &large) || large.Limit != 3 || large.Name != "file" {
		t.Errorf("got %v", err)
	}
	var kind *safefile.NotRegularError
	if _, err := root.ReadFile("sub", 10); !errors.As(err, &kind) || !kind.Mode.IsDir() || err.Error() != `"sub" is a directory` {
		t.Errorf("got %v", err)
	}
	if _, err := root.ReadFile("none", 10); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "none") {
		t.Errorf("got %v", err)
	}
	if root.Has("none") || !root.Has("sub/deep/file") {
		t.Error("Has is wrong")
	}
}

func TestWalkVisitsInOrderAndFollowsNoLink(t *testing.T) {
	dir, _ := tree(t)
	link(t, "..", filepath.Join(dir, "parent"))
	link(t, "sub", filepath.Join(dir, "within"))
	if err := os.WriteFile(filepath.Join(dir, "sub.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string][]string{
		"":         {".", "file", "parent", "sub", "sub/deep", "sub/deep/file", "sub.txt", "within"},
		"/":        {".", "file", "parent", "sub", "sub/deep", "sub/deep/file", "sub.txt", "within"},
		"sub/deep": {"sub/deep", "sub/deep/file"},
		"parent":   {"parent"},
	} {
		var got []string
		err := open(t, dir).Walk(target, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Name() != filepath.Base(name) && name != "." {
				t.Errorf("%s is called %s", name, entry.Name())
			}
			got = append(got, filepath.ToSlash(name))
			return err
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("walking %q visits %q, %v; want %q", target, got, err, want)
		}
	}
}

func TestReadOfWhatTheUserNamed(t *testing.T) {
	dir, outside := tree(t)
	link(t, outside, filepath.Join(dir, "link"))
	if text, err := safefile.Read(filepath.Join(dir, "link"), 10); err != nil || string(text) != "KEY" {
		t.Errorf("a link that the user named reads as %q, %v", text, err)
	}
	var kind *safefile.NotRegularError
	if _, err := safefile.Read(dir, 10); !errors.As(err, &kind) {
		t.Errorf("a directory: %v", err)
	}
	var large *safefile.TooLargeError
	if _, err := safefile.Read(outside, 2); !errors.As(err, &large) {
		t.Errorf("a large file: %v", err)
	}
	if _, err := safefile.Read(filepath.Join(dir, "none"), 2); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
