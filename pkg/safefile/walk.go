package safefile

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Walk visits target and, if it is a directory, everything below it, in the order of the names and
// without following links. It is fs.WalkDir with the path separators of this system, and accepts
// names that are not UTF-8.
func (r *Root) Walk(target string, visit fs.WalkDirFunc) error {
	return fs.WalkDir(walker{r}, filepath.ToSlash(local(target)), func(name string, entry fs.DirEntry, err error) error {
		return visit(filepath.FromSlash(name), entry, err)
	})
}

// walker is what fs.WalkDir needs of a file system.
type walker struct{ root *Root }

func (w walker) Open(name string) (fs.File, error) { return w.root.Open(name) }

func (w walker) Stat(name string) (fs.FileInfo, error) { return w.root.Lstat(name) }

// ReadDir describes every entry relative to the open directory, since the path may lead elsewhere
// when it is resolved again.
func (w walker) ReadDir(name string) ([]fs.DirEntry, error) {
	dir, err := w.root.root.OpenFile(local(name), readDirFlags, 0)
	if err != nil {
		return nil, w.root.explain("reading", name, err)
	}
	defer func() { _ = dir.Close() }()
	entries, err := dir.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, w.root.explain("reading", name, err)
}

// ReadDir returns the entries of a directory, in the order of their names.
func (r *Root) ReadDir(name string) ([]fs.DirEntry, error) {
	return walker{r}.ReadDir(path.Clean(filepath.ToSlash(local(name))))
}
