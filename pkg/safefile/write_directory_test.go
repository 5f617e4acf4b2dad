package safefile

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// tree writes files, and directories whose names end in a slash.
func tree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestStagedDirectory(t *testing.T) {
	result := map[string]string{"a": "new", "d/b": "new", "e/c": "new"}
	for name, test := range map[string]struct {
		before map[string]string
		mirror bool
		want   map[string]string
	}{
		"into nothing":            {nil, false, result},
		"over files":              {map[string]string{"a": "old", "d/b": "old"}, false, result},
		"beside files":            {map[string]string{"x": "old", "d/y": "old"}, false, map[string]string{"a": "new", "d/b": "new", "e/c": "new", "x": "old", "d/y": "old"}},
		"a directory over a file": {map[string]string{"e": "old"}, false, result},
		"a file over a directory": {map[string]string{"a/x": "old"}, false, result},
		"in place of all":         {map[string]string{"x": "old", "d/y": "old", "z/z": "old"}, true, result},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			tree(t, dir, test.before)
			for _, keep := range []bool{false, true} { // a build that fails, then one that does not
				s := stagedTree(t, dir, TreeOptions{Mirror: test.mirror})
				tree(t, s.Receiving(), result)
				if err := os.Chmod(filepath.Join(s.Receiving(), "d"), 0o555); err != nil {
					t.Fatal(err)
				}
				if !keep {
					s.Discard()
					if len(test.before) > 0 && !reflect.DeepEqual(read(t, dir), test.before) {
						t.Errorf("a failed build left %v", read(t, dir))
					}
					continue
				}
				if err := s.Commit(); err != nil {
					t.Fatal(err)
				}
				s.Discard()
			}
			if got := read(t, dir); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if info, err := os.Stat(filepath.Join(dir, "d")); err != nil || info.Mode().Perm() != 0o555 {
				t.Errorf("d is %v, %v", info.Mode(), err)
			}
		})
	}
}

// TestStagedDirectoryThatIsNew proves that a failed build leaves no directory either.
func TestStagedDirectoryThatIsNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	s := stagedTree(t, dir, TreeOptions{})
	tree(t, s.Receiving(), map[string]string{"a": "half"})
	s.Discard()
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
}

func stagedTree(t *testing.T, dir string, options TreeOptions) *StagedTree {
	t.Helper()
	tree, err := NewTree(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	return tree.Stage()
}

// A failed build leaves none of the directories it was to create.
func TestStagedDirectoryIsNewWithParents(t *testing.T) {
	dir := t.TempDir()
	s := stagedTree(t, filepath.Join(dir, "a", "b", "out"), TreeOptions{})
	tree(t, s.Receiving(), map[string]string{"x": "half"})
	s.Discard()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("there is %v, %v", entries, err)
	}
}

// The directory may be a link, also to one that is still to be created.
func TestStagedDirectoryThroughLink(t *testing.T) {
	for _, exists := range []bool{false, true} {
		dir := t.TempDir()
		if exists {
			tree(t, filepath.Join(dir, "real"), map[string]string{"old": "old"})
		}
		link := filepath.Join(dir, "out")
		if err := os.Symlink("real", link); err != nil {
			t.Fatal(err)
		}
		s := stagedTree(t, link, TreeOptions{})
		tree(t, s.Receiving(), map[string]string{"a": "new"})
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "real", "a")); err != nil || string(text) != "new" {
			t.Errorf("it holds %q, %v", text, err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link is %v, %v", info, err)
		}
	}
	dir := t.TempDir()
	if err := os.Symlink("no/such", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	if _, err := NewTree(filepath.Join(dir, "out"), TreeOptions{}); err == nil {
		t.Error("a link into a directory that does not exist was taken")
	}
}
