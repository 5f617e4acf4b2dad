package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	continuity "github.com/containerd/continuity/fs"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// PrivilegedError is returned when a result has a device node, unless
// TreeOptions.Special allows it.
type PrivilegedError struct {
	Path string // relative to the result
	Mode fs.FileMode
}

func (e *PrivilegedError) Error() string {
	return fmt.Sprintf("the result has a device node at %q (%v)", e.Path, e.Mode)
}

// Class returns fault.Failed.
func (*PrivilegedError) Class() fault.Class { return fault.Failed }

// sanitize removes setuid and setgid bits and capabilities from received files.
func (s *StagedTree) sanitize(name string) error {
	path := filepath.Join(s.Receiving(), name)
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	switch {
	case info.Mode()&fs.ModeDevice != 0:
		return &PrivilegedError{Path: name, Mode: info.Mode()}
	case info.IsDir():
		if err := s.sanitizeWithin(name, info); err != nil {
			return err
		}
	case !info.Mode().IsRegular():
		return nil
	}
	lost := removeCapability(path)
	if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 && name != "." {
		lost = true
		if err := os.Chmod(path, mode(info)&^(fs.ModeSetuid|fs.ModeSetgid)); err != nil {
			return err
		}
	}
	if lost {
		s.plain = append(s.plain, name)
	}
	return nil
}

// sanitizeWithin also reads directories without read permission for their owner.
func (s *StagedTree) sanitizeWithin(name string, info fs.FileInfo) (err error) {
	path := filepath.Join(s.Receiving(), name)
	if info.Mode()&0o500 != 0o500 {
		if err := makeWritable(path, info); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.Chmod(path, mode(info))) }()
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := s.sanitize(filepath.Join(name, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// prepare returns an error if the entries of a directory cannot be moved to their
// places, and copies those that belong to another mount there, under a hidden name.
func (s *StagedTree) prepare(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		if err := mayPrepare(to); err != nil {
			return err
		}
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		there, err := os.Lstat(target)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.prepareEntry(source, target, entry, there); err != nil {
			return err
		}
	}
	return nil
}

func (s *StagedTree) prepareEntry(source, target string, entry fs.DirEntry, there fs.FileInfo) error {
	switch {
	case entry.IsDir() && there.IsDir() && isMount(target):
		return s.separate(source, target)
	case entry.IsDir() && there.IsDir():
		return s.prepare(source, target)
	case entry.Type().IsRegular() && there.Mode().IsRegular():
		return nil
	}
	if mount := mountIn(target); mount != "" {
		return fmt.Errorf("%s is a mount, and the result has something else there", mount)
	}
	return nil
}

// separate copies a part of the result to its mount before anything is moved.
func (s *StagedTree) separate(source, target string) error {
	if err := mayPrepare(target); err != nil {
		return err
	}
	info, err := os.Lstat(source)
	if err != nil {
		return err
	}
	own := part{filepath.Join(target, stagedName("")), target, info}
	s.parts = append(s.parts, own)
	if err := copyTree(source, own.from); err != nil {
		return fmt.Errorf("copying to the mount %s: %w", target, err)
	}
	return emptied(source)
}

// mayPrepare returns an error if no entries can be created in the directory, also
// after a change of its mode.
func mayPrepare(dir string) error {
	err := accessible(dir, true)
	if err == nil {
		return nil
	}
	if info, statErr := os.Stat(dir); statErr == nil && ownerCanBeKept(info) && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return fmt.Errorf("%s cannot be written to: %w", dir, err)
}

// copyTree copies a directory, also parts without write permission for their owner.
func copyTree(source, target string) error {
	modes := map[string]fs.FileInfo{}
	err := filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		modes[name] = info
		return makeWritable(path, info)
	})
	if err != nil {
		return err
	}
	if err := continuity.CopyDir(target, source, continuity.WithAllowXAttrErrors()); err != nil {
		return err
	}
	for name, info := range modes {
		if name == "." {
			continue
		}
		dir := filepath.Join(target, name)
		if err := errors.Join(os.Chtimes(dir, info.ModTime(), info.ModTime()), os.Chmod(dir, mode(info))); err != nil {
			return err
		}
	}
	return nil
}

// emptied removes the entries of a directory.
func emptied(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// mountIn returns a mount at the path or below it; "" if there is none.
func mountIn(path string) string {
	found := ""
	_ = filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && isMount(path) {
			found = path
			return filepath.SkipAll
		}
		return nil
	})
	return found
}

// removeAround removes what is at the path except mounts, and the directories
// that lead to them.
func removeAround(path string) error {
	if isMount(path) {
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		within := filepath.Join(path, entry.Name())
		if mountIn(within) != "" {
			err = removeAround(within)
		} else {
			err = os.RemoveAll(within)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
