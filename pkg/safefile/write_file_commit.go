package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// finish renames the temporary file, or copies it over the target.
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
	if err := s.file.Close(); err != nil { // before renaming, since Windows does not rename open files
		return err
	}
	err := os.Rename(s.temporary, s.found.path)
	if err != nil && s.found.info != nil {
		return s.overwrite() // a mount, or a directory with the sticky bit
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

// overwrite copies the complete file over a file that cannot be replaced.
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

// syncDirectory makes a rename durable. Not every file system supports it; the file
// is complete in any case.
func syncDirectory(dir string) {
	if file, err := os.Open(dir); err == nil {
		_ = file.Sync()
		_ = file.Close()
	}
}
