package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// finish puts the bytes in their place.
func (s *Staged) finish() error {
	if s.temporary == "" {
		return s.file.Close()
	}
	former := s.found.info
	if former == nil {
		former = s.target.former
	}
	keeps := former == nil || keepOwner(s.file, former) == nil
	if s.found.info != nil && (!keeps || linkCount(s.found.info) > 1) {
		return errors.Join(s.file.Close(), s.overwrite())
	}
	if err := s.setMode(former); err != nil {
		return err
	}
	if s.found.info != nil && !s.target.options.Private && keepAttributes(s.file, s.found.path) != nil {
		return errors.Join(s.file.Close(), s.overwrite())
	}
	if err := s.file.Close(); err != nil { // before the renaming: Windows renames no open file
		return err
	}
	err := os.Rename(s.temporary, s.found.path)
	if err != nil && s.found.info != nil {
		return s.overwrite() // a mount, or a directory whose files are their owners' alone
	}
	if err == nil {
		syncDirectory(filepath.Dir(s.found.path))
	}
	return err
}

// setMode gives the new file the mode of the former one. A new file has the mode
// that it was created with.
func (s *Staged) setMode(former fs.FileInfo) error {
	if former == nil || s.target.options.Private {
		return nil
	}
	return s.file.Chmod(former.Mode().Perm())
}

// overwrite copies the complete file over the one that cannot be replaced.
func (s *Staged) overwrite() error {
	_ = os.Chmod(s.temporary, 0o600)
	if err := overwrite(s.temporary, s.found.path); err != nil {
		return err
	}
	return os.Remove(s.temporary)
}

func overwrite(source, target string) (err error) {
	from, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(target, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	size, err := io.Copy(to, from)
	if err != nil {
		return err
	}
	if err := to.Truncate(size); err != nil {
		return err
	}
	return to.Sync()
}

// syncDirectory makes a new name last. Not every file system can; the file is
// complete in any case.
func syncDirectory(dir string) {
	if file, err := os.Open(dir); err == nil {
		_ = file.Sync()
		_ = file.Close()
	}
}
