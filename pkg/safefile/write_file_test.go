package safefile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func target(t *testing.T, path string) *Target {
	t.Helper()
	target, err := NewTarget(path, TargetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// write writes "new" over what is at the path.
func write(t *testing.T, path string) {
	t.Helper()
	if err := target(t, path).Write(t.Context(), []byte("new")); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func link(t *testing.T, to, path string) string {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// holds checks the file's text, and that the directory has those entries alone.
func holds(t *testing.T, path, want string, entries ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || string(text) != want {
		t.Errorf("%s holds %q, want %q (%v)", path, text, want, err)
	}
	if got := names(t, filepath.Dir(path)); !slices.Equal(got, entries) {
		t.Errorf("its directory has %v, want %v", got, entries)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"))
	holds(t, filepath.Join(dir, "a"), "new", "a")
	put(t, filepath.Join(dir, "a"), "old, and longer")
	write(t, filepath.Join(dir, "a"))
	holds(t, filepath.Join(dir, "a"), "new", "a")
}

func TestLongestName(t *testing.T) {
	name := strings.Repeat("x", 255)
	path := filepath.Join(t.TempDir(), name)
	write(t, path)
	holds(t, path, "new", name)
}

// Links lead to what is written, however many there are, and stay.
func TestWriteThroughLinks(t *testing.T) {
	for name, test := range map[string]struct {
		links [][2]string // where to, path
		path  string
		file  string // what is written
	}{
		"absolute":             {[][2]string{{"DIR/real/a", "l"}}, "l", "real/a"},
		"relative":             {[][2]string{{"real/a", "l"}}, "l", "real/a"},
		"to a link":            {[][2]string{{"real/a", "l"}, {"l", "m"}}, "m", "real/a"},
		"dangling":             {[][2]string{{"real/b", "l"}}, "l", "real/b"},
		"dangling, to a link":  {[][2]string{{"real/b", "l"}, {"DIR/l", "m"}}, "m", "real/b"},
		"a linked directory":   {[][2]string{{"real", "l"}}, "l/a", "real/a"},
		"up from a linked one": {[][2]string{{"real/deep", "l"}, {"l/../a", "m"}}, "m", "real/a"},
		"up from where it is":  {[][2]string{{"real/deep", "l"}, {"../a", "real/deep/m"}}, "l/m", "real/a"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "real", "a"), "old")
			put(t, filepath.Join(dir, "real", "deep", "x"), "old")
			for _, l := range test.links {
				link(t, strings.ReplaceAll(l[0], "DIR", dir), filepath.Join(dir, l[1]))
			}
			write(t, filepath.Join(dir, test.path))
			text, err := os.ReadFile(filepath.Join(dir, test.file))
			if err != nil || string(text) != "new" {
				t.Errorf("%s holds %q, %v", test.file, text, err)
			}
			for _, l := range test.links {
				if info, err := os.Lstat(filepath.Join(dir, l[1])); err != nil || info.Mode()&os.ModeSymlink == 0 {
					t.Errorf("%s is not a link any more: %v, %v", l[1], info, err)
				}
			}
		})
	}
}

// What cannot be written is known before there is something to write, and nothing
// is created to find it out.
func TestUnwritableTargets(t *testing.T) {
	for name, test := range map[string]struct {
		path, reason string
		parents      bool
	}{
		"a directory":                    {"dir", "it is a directory", false},
		"a link to a directory":          {"toDir", "it is a directory", false},
		"by its name a directory":        {"new/", "it names a directory", false},
		"in no directory":                {"no/a", "no such directory: DIR/no", false},
		"below a file":                   {"file/a", "not a directory", false},
		"below a file, with parents":     {"file/a/b", "not a directory", true},
		"a link into no directory":       {"toNowhere", "a directory that does not exist: DIR/no/where", false},
		"a link into none, with parents": {"toNowhere", "a directory that does not exist: DIR/no/where", true},
		"a link to itself":               {"loop", "too many levels of symbolic links", false},
		"below a dangling link":          {"dangling/a/b", "no such file or directory", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "file"), "old")
			put(t, filepath.Join(dir, "dir", "x"), "old")
			link(t, "dir", filepath.Join(dir, "toDir"))
			link(t, "no/where/a", filepath.Join(dir, "toNowhere"))
			link(t, "loop", filepath.Join(dir, "loop"))
			link(t, "none", filepath.Join(dir, "dangling"))
			before := names(t, dir)
			_, err := NewTarget(dir+"/"+test.path, TargetOptions{Parents: test.parents})
			var cannot *UnwritableError
			if want := strings.ReplaceAll(test.reason, "DIR", dir); !errors.As(err, &cannot) || !strings.Contains(cannot.Reason, want) {
				t.Errorf("got %v, want %s", err, want)
			}
			if after := names(t, dir); !slices.Equal(after, before) {
				t.Errorf("there is now %v", after)
			}
		})
	}
}

func TestNothingIsTriedOut(t *testing.T) {
	dir := t.TempDir()
	target := target(t, filepath.Join(dir, "a"))
	if _, err := NewTree(filepath.Join(dir, "out", "deep"), TreeOptions{}); err != nil {
		t.Fatal(err)
	}
	staged := target.Stage()
	if err := staged.Commit(); err != nil { // nothing came
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("there is %v", got)
	}
}

func TestDiscardedFile(t *testing.T) {
	for name, before := range map[string]string{"new": "", "over a file": "old"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "sub", "deep", "a")
			if before != "" {
				put(t, path, before)
			}
			target, err := NewTarget(path, TargetOptions{Parents: true})
			if err != nil {
				t.Fatal(err)
			}
			staged := target.Stage()
			w, err := staged.Open()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, "half"); err != nil {
				t.Fatal(err)
			}
			staged.Interrupt()
			staged.Discard()
			if before != "" {
				holds(t, path, before, "a")
			} else if got := names(t, dir); len(got) != 0 {
				t.Errorf("there is %v", got)
			}
			if _, err := staged.Open(); err == nil {
				t.Error("it can be opened once more")
			}
			if err := staged.Commit(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A result whose making fails half way leaves what was there.
func TestFillFails(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "a"), "old")
	broken := errors.New("broken")
	err := target(t, path).WriteFrom(t.Context(), func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	holds(t, path, "old", "a")
}

func TestSame(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "old")
	link(t, "a", filepath.Join(dir, "l"))
	link(t, "new", filepath.Join(dir, "d"))
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "h")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		a, b string
		want bool
	}{{"a", "a", true}, {"a", "l", true}, {"a", "h", true}, {"a", "new", false}, {"d", "new", true}, {"new", "other", false}} {
		if got := target(t, filepath.Join(dir, test.a)).Same(target(t, filepath.Join(dir, test.b))); got != test.want {
			t.Errorf("%s and %s: %v", test.a, test.b, got)
		}
	}
}

func TestRemoveStale(t *testing.T) {
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "a"), "old")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	stale := target(t, link(t, "a", filepath.Join(dir, "l")))
	for range 2 { // the second time there is none
		if err := stale.RemoveStale(); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, dir); !slices.Equal(got, []string{"l"}) {
		t.Errorf("there is %v", got)
	}
	if err := stale.Write(t.Context(), []byte("new")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "new", "a", "l")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}

func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	for range 2 {
		file, err := target(t, path).Append(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(file, "line\n"); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, path, "line\nline\n", "trace")
}
