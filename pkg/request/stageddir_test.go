package request

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
				s := newStagedDir(dir, test.mirror)
				tree(t, s.temporary, result)
				if err := os.Chmod(filepath.Join(s.temporary, "d"), 0o555); err != nil {
					t.Fatal(err)
				}
				if !keep {
					s.discard()
					if len(test.before) > 0 && !reflect.DeepEqual(read(t, dir), test.before) {
						t.Errorf("a failed build left %v", read(t, dir))
					}
					continue
				}
				if err := s.commit(); err != nil {
					t.Fatal(err)
				}
				s.discard()
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
	s := newStagedDir(dir, false)
	tree(t, s.temporary, map[string]string{"a": "half"})
	s.discard()
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
}
