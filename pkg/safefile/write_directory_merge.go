package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Create creates a file of the attempt, and the directories that it is in. Errors of writing it are
// *UnwritableError.
func (s *StagedTree) Create(name string) (io.WriteCloser, error) {
	path := filepath.Join(s.Receiving(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, Unwritten(s.tree.path, err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
	if err != nil {
		return nil, Unwritten(s.tree.path, err)
	}
	return created{file, s.tree.path}, nil
}

// created is a file of an attempt.
type created struct {
	*os.File
	tree string
}

func (c created) Write(b []byte) (int, error) {
	n, err := c.File.Write(b)
	return n, Unwritten(c.tree, err)
}

func (c created) Close() error { return Unwritten(c.tree, c.File.Close()) }

// Absorb moves the files of another attempt, on the same file system, into this one. Directories
// that both have are joined, with the mode and time of this one's. It returns an *UnwritableError
// for anything else that both have; then some files have been moved.
func (s *StagedTree) Absorb(other *StagedTree) error {
	if _, err := os.Lstat(other.Receiving()); errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was sent
	}
	if err := os.MkdirAll(s.Receiving(), 0o755); err != nil {
		return Unwritten(s.tree.path, err)
	}
	return Unwritten(s.tree.path, s.absorb(other.Receiving(), s.Receiving()))
}

func (s *StagedTree) absorb(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		there, err := os.Lstat(target)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = rename(source, target, entry)
		case err == nil && entry.IsDir() && there.IsDir():
			err = s.absorbDirectory(source, target, entry, there)
		case err == nil:
			name, _ := filepath.Rel(s.Receiving(), target)
			err = &UnwritableError{
				Path: s.tree.path, Reason: "the results of two platforms have the file " + name,
				Next: "leave out platform-split=false, or build the platforms one at a time",
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *StagedTree) absorbDirectory(source, target string, entry fs.DirEntry, there fs.FileInfo) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if err := errors.Join(makeWritable(source, info), makeWritable(target, there)); err != nil {
		return err
	}
	if err := s.absorb(source, target); err != nil {
		return err
	}
	return restore(target, there)
}
