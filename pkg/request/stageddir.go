package request

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// stagedDir is an output directory whose files are received in a hidden directory
// within, and moved to their places when the build has succeeded. It is within,
// since that is the same file system, and since the parent may not be writable.
type stagedDir struct {
	path      string // absolute
	temporary string // below path; made by BuildKit's client when the daemon begins to send
	mirror    bool   // what is not in the result is removed
	existed   bool
}

// stagedPrefix is the beginning of the name of what is not complete.
const stagedPrefix = ".kubectl-buildkit-"

func newStagedDir(path string, mirror bool) *stagedDir {
	_, err := os.Lstat(path)
	return &stagedDir{
		path: path, mirror: mirror, existed: err == nil,
		temporary: filepath.Join(path, stagedPrefix+rand.Text()[:8]+".part"),
	}
}

func (s *stagedDir) commit() error {
	if _, err := os.Lstat(s.temporary); errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was sent
	}
	if err := s.move("."); err != nil {
		return fmt.Errorf("writing %q: %w", s.path, err)
	}
	return os.RemoveAll(s.temporary)
}

// move gives the entries of a directory their places. Directories that are there
// stay, with the mode and time of those in the result.
func (s *stagedDir) move(name string) error {
	from, to := filepath.Join(s.temporary, name), filepath.Join(s.path, name)
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if s.mirror {
		if err := s.removeOthers(to, entries); err != nil {
			return err
		}
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		there, err := os.Lstat(target)
		switch {
		case err == nil && entry.IsDir() && there.IsDir():
			if err := s.moveInto(filepath.Join(name, entry.Name()), entry); err != nil {
				return err
			}
			continue
		case err == nil && (entry.IsDir() || there.IsDir()):
			if err := os.RemoveAll(target); err != nil {
				return err
			}
		}
		if err := rename(source, target, entry); err != nil {
			return err
		}
	}
	return nil
}

func (s *stagedDir) moveInto(name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	from, to := filepath.Join(s.temporary, name), filepath.Join(s.path, name)
	if err := errors.Join(writable(from, info), writable(to, info)); err != nil {
		return err
	}
	if err := s.move(name); err != nil {
		return err
	}
	return errors.Join(os.Chmod(to, info.Mode()), os.Chtimes(to, info.ModTime(), info.ModTime()))
}

// rename moves what may be a directory that its owner may not write to, which
// therefore could not be moved.
func rename(source, target string, entry fs.DirEntry) error {
	if !entry.IsDir() {
		return os.Rename(source, target)
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if err := errors.Join(writable(source, info), os.Rename(source, target)); err != nil {
		return err
	}
	return os.Chmod(target, info.Mode())
}

func writable(dir string, info fs.FileInfo) error {
	return os.Chmod(dir, info.Mode()|0o700)
}

func (s *stagedDir) removeOthers(dir string, kept []fs.DirEntry) error {
	wanted := map[string]bool{}
	for _, entry := range kept {
		wanted[entry.Name()] = true
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range there {
		if wanted[entry.Name()] || strings.HasPrefix(entry.Name(), stagedPrefix) { // another output's, too
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// discard leaves nothing of a build that has failed, also not the directory if it
// is new.
func (s *stagedDir) discard() {
	_ = filepath.WalkDir(s.temporary, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return err
	})
	_ = os.RemoveAll(s.temporary)
	if !s.existed {
		_ = os.Remove(s.path) // if it is empty
	}
}
