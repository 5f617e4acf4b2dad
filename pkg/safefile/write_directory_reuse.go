package safefile

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Link creates hard links in the attempt to the regular files below a directory of the tree, so
// that they are not received again, and returns their names. It stops at the first file that cannot
// be linked, e.g. on a file system without hard links.
func (s *StagedTree) Link(dir string) (linked []string) {
	root, err := OpenRoot(s.tree.path)
	if err != nil {
		return nil
	}
	defer func() { _ = root.Close() }()
	within := filepath.Base(s.Receiving())
	_ = root.Walk(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return s.likeIn(root, within, name, entry)
		case !entry.Type().IsRegular():
			return nil
		}
		if err := root.root.Link(name, filepath.Join(within, name)); err != nil {
			return err
		}
		linked = append(linked, name)
		return nil
	})
	return linked
}

// likeIn creates a directory of the attempt with its mode in the tree.
func (s *StagedTree) likeIn(root *Root, within, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	made := filepath.Join(within, name)
	if err := root.root.MkdirAll(made, 0o755); err != nil {
		return err
	}
	return root.root.Chmod(made, mode(info)|0o700)
}

// Put writes a file of the attempt, or replaces a received one. Its mode is that of the file in the
// tree.
func (s *StagedTree) Put(name string, text []byte) error {
	perm := fs.FileMode(0o666)
	if former, err := os.Lstat(filepath.Join(s.tree.path, name)); err == nil && former.Mode().IsRegular() {
		perm = former.Mode().Perm()
	}
	path := filepath.Join(s.Receiving(), name)
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, text, perm); err != nil || perm == 0o666 {
		return err
	}
	return os.Chmod(path, perm)
}

// Drop removes received files that do not belong to the result.
func (s *StagedTree) Drop(names ...string) error {
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(s.Receiving(), name)); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes files of the tree. It ignores those that do not exist.
func (t *Tree) Remove(names ...string) {
	root, err := os.OpenRoot(t.path)
	if err != nil {
		return
	}
	defer func() { _ = root.Close() }()
	for _, name := range names {
		_ = root.Remove(name)
	}
}
