package safefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// interruptGrace is how long the rest may be written to a device, a pipe or a
// socket after an interrupt.
const interruptGrace = time.Second

// TargetOptions change how a target is written.
type TargetOptions struct {
	Parents bool // directories that are missing are created
	Private bool // the mode is 0600, whatever the mode of the file that is replaced
	Append  bool // the file is written by Append, so it is not replaced
}

// Target is a file that is written when a command's work is done. The path may be
// that of any file that can be written:
//
//   - A regular file is written in the same directory, under a hidden name, and
//     renamed: it is complete or unchanged, and keeps mode, owner and
//     extended attributes, e.g. access control lists. It is overwritten in place
//     where renaming would change it: a mount, a file with several hard links,
//     another user's file, a directory without write permission.
//   - A device, a pipe or a descriptor of this process is written to directly.
//   - Links are followed and kept.
type Target struct {
	path    string
	options TargetOptions
	found   place
	former  fs.FileInfo // of the file that RemoveStale removed
	missing []string    // parents that did not exist, the deepest first
}

// NewTarget checks the path, and writes nothing. It returns an
// *UnwritableError if the file could not be written now.
func NewTarget(path string, options TargetOptions) (*Target, error) {
	if strings.HasSuffix(path, string(filepath.Separator)) {
		return nil, &UnwritableError{Path: path, Reason: "it names a directory", Next: "name a file"}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	t := &Target{path: path, options: options, missing: missingParents(path)}
	if t.found, err = t.look(); err != nil {
		return nil, err
	}
	return t, nil
}

// Path returns the absolute path as the user named it.
func (t *Target) Path() string { return t.path }

// Directory returns the directory of the temporary file; for a device, its
// directory.
func (t *Target) Directory() string { return filepath.Dir(t.found.path) }

// WritesThrough reports whether writing cannot be undone: the path is a
// device, a pipe or a descriptor.
func (t *Target) WritesThrough() bool { return t.found.through() }

// IsStdout reports whether the path stands for standard output.
func (t *Target) IsStdout() bool { return t.found.descriptor == stdout }

// Same reports whether both targets are one file, so that one would overwrite
// the other. Devices never are.
func (t *Target) Same(other *Target) bool {
	a, b := t.found, other.found
	if a.info == nil || b.info == nil {
		return a.info == nil && b.info == nil && a.path == b.path
	}
	return os.SameFile(a.info, b.info) && a.info.Mode()&fs.ModeDevice == 0
}

// Write writes the file. The end of the context ends the wait for a pipe's reader;
// a regular file is still written.
func (t *Target) Write(ctx context.Context, text []byte) error {
	return t.WriteFrom(ctx, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// WriteFrom writes the output of fill, unless that returns an error.
func (t *Target) WriteFrom(ctx context.Context, fill func(io.Writer) error) error {
	staged := t.Stage()
	defer context.AfterFunc(ctx, staged.Interrupt)()
	defer staged.Discard()
	w, err := staged.Open()
	if err != nil {
		return err
	}
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return staged.Commit()
}

// Append opens the file for appending, and creates it with mode 0600 if it does not
// exist. It is not written atomically. The end of ctx ends the wait for a pipe's
// reader.
func (t *Target) Append(ctx context.Context) (io.WriteCloser, error) {
	found, err := t.look()
	if err != nil {
		return nil, err
	}
	if !found.through() {
		file, err := os.OpenFile(found.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, Unwritten(t.path, err)
		}
		return &appended{File: file, path: t.path, stop: func() bool { return true }}, nil
	}
	file, err := t.openThrough(found, ctx.Done())
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = file.SetWriteDeadline(time.Now().Add(interruptGrace)) })
	return &appended{File: file, path: t.path, stop: stop}, nil
}

type appended struct {
	*os.File
	path string
	stop func() bool
}

func (a *appended) Write(b []byte) (int, error) {
	n, err := a.File.Write(b)
	return n, Unwritten(a.path, err)
}

func (a *appended) Close() error {
	a.stop()
	return a.File.Close()
}

// RemoveStale removes a regular file that must not exist after a failure of the
// command, or truncates it if it could not be replaced with the same properties.
// Mode and owner are kept for the file that is written later.
func (t *Target) RemoveStale() error {
	found, err := t.look()
	if err != nil {
		return err
	}
	if found.info == nil || found.through() {
		return nil
	}
	if linkCount(found.info) == 1 && ownerCanBeKept(found.info) && len(attributes(found.path)) == 0 && os.Remove(found.path) == nil {
		t.former = found.info
		return nil
	}
	if err := os.Truncate(found.path, 0); err != nil {
		return fmt.Errorf("removing the stale %q: %w", t.path, err)
	}
	return nil
}

// look resolves the path, and checks whether it can be written.
func (t *Target) look() (place, error) {
	found, err := resolve(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !found.linked && t.options.Parents:
		found = place{path: t.path, descriptor: none}
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Dir(found.path)
		if found.linked {
			return found, &UnwritableError{
				Path: t.path, Reason: "it is a link into a directory that does not exist: " + dir, Next: "create it first", Cause: err,
			}
		}
		return found, &UnwritableError{Path: t.path, Reason: "no such directory: " + dir, Next: "create it first", Cause: err}
	case err != nil:
		return found, t.unwritable(err)
	}
	return found, t.check(found)
}

func (t *Target) check(found place) error {
	switch {
	case found.descriptor != none:
		return t.unwritable(checkDescriptor(found.descriptor))
	case found.info == nil:
		return t.unwritable(CheckDirectory(filepath.Dir(found.path)))
	case found.info.IsDir():
		return &UnwritableError{Path: t.path, Reason: "it is a directory", Next: "name a file"}
	case found.info.Mode()&fs.ModeSocket != 0:
		return &UnwritableError{Path: t.path, Reason: "it is a socket", Next: "name a file"}
	case !t.options.Append && !found.through() && linkCount(found.info) == 1 && ownerCanBeKept(found.info) && CheckDirectory(filepath.Dir(found.path)) == nil:
		return nil // replaced, so its own mode does not matter
	}
	return t.unwritable(accessible(found.path, false))
}

// openThrough opens a device, a pipe or a descriptor.
func (t *Target) openThrough(found place, interrupted <-chan struct{}) (*os.File, error) {
	file, err := found.open(interrupted)
	if errors.Is(err, errNoReader) {
		return nil, &UnwritableError{Path: t.path, Reason: err.Error(), Next: "start the reader first", Cause: err}
	}
	return file, Unwritten(t.path, err)
}

// unwritable returns an *UnwritableError for a system's error; nil for nil.
func (t *Target) unwritable(err error) error {
	if err == nil {
		return nil
	}
	return &UnwritableError{Path: t.path, Reason: located(err), Cause: err}
}

// CheckDirectory returns an error if no file can be created in the directory,
// or in the nearest one above it if it is still to be created. It writes nothing.
func CheckDirectory(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err == nil {
			if !info.IsDir() {
				return fmt.Errorf("%s is not a directory", dir)
			}
			break
		}
		parent := filepath.Dir(dir)
		if _, dangling := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || parent == dir || dangling == nil {
			return err
		}
		dir = parent
	}
	if err := accessible(dir, true); err != nil {
		return fmt.Errorf("%s cannot be written to: %w", dir, err)
	}
	return nil
}

// missingParents lists the directories above the path that do not exist.
func missingParents(path string) []string {
	var missing []string
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return missing
		}
		missing = append(missing, dir)
	}
}

// removeEmpty removes those of the directories that hold nothing.
func removeEmpty(dirs []string) {
	for _, dir := range dirs {
		if os.Remove(dir) != nil {
			return
		}
	}
}
