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

// stageOf returns an attempt that has received the files.
func stageOf(t *testing.T, tree *Tree, files ...string) *StagedTree {
	t.Helper()
	staged := tree.Stage()
	t.Cleanup(staged.Discard)
	for _, name := range files {
		file, err := staged.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(file, name)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return staged
}

func TestAbsorb(t *testing.T) {
	tree, err := NewTree(filepath.Join(t.TempDir(), "out"), TreeOptions{Mirror: true})
	if err != nil {
		t.Fatal(err)
	}
	first, second := stageOf(t, tree, "linux_amd64/a", "both/x", "link-not"), stageOf(t, tree, "linux_arm64/a", "both/y")
	for _, staged := range []*StagedTree{first, second} { // a directory that its owner may not write to
		if err := os.Chmod(filepath.Join(staged.Receiving(), "both"), 0o500); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(first.Absorb(second), first.Absorb(tree.Stage()), first.Commit()); err != nil {
		t.Fatal(err)
	}
	second.Discard()
	var found []string
	_ = filepath.WalkDir(tree.Path(), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(tree.Path(), path)
			found = append(found, filepath.ToSlash(name))
		}
		return err
	})
	if want := []string{"both/x", "both/y", "link-not", "linux_amd64/a", "linux_arm64/a"}; !slices.Equal(found, want) {
		t.Errorf("got %q", found)
	}
	if info, err := os.Stat(filepath.Join(tree.Path(), "both")); err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("got %v, %v", info, err)
	}
	_ = os.Chmod(filepath.Join(tree.Path(), "both"), 0o700)
}

// What both have is an error, also a link in place of a directory: it is not followed.
func TestAbsorbReplacesNothing(t *testing.T) {
	outside := t.TempDir()
	for name, prepare := range map[string]func(*StagedTree) error{
		"a file":      func(s *StagedTree) error { file, err := s.Create("x/y"); return errors.Join(err, file.Close()) },
		"a directory": func(s *StagedTree) error { return os.MkdirAll(filepath.Join(s.Receiving(), "x", "y"), 0o755) },
		"a link": func(s *StagedTree) error {
			return errors.Join(os.MkdirAll(s.Receiving(), 0o755), os.Symlink(outside, filepath.Join(s.Receiving(), "x")))
		},
	} {
		tree, err := NewTree(t.TempDir(), TreeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		first, second := tree.Stage(), stageOf(t, tree, "x/y")
		t.Cleanup(first.Discard)
		if err := prepare(first); err != nil {
			t.Fatal(err)
		}
		var unwritable *UnwritableError
		if err := first.Absorb(second); !errors.As(err, &unwritable) || !strings.Contains(err.Error(), "two platforms have the file x") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("written outside: %v, %v", left, err)
	}
}
