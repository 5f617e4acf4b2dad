package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// Root is a directory that the user named. Links inside it are followed if their target is inside
// it, also if that is an absolute path; its methods never open a file outside. They take names
// relative to the directory.
type Root struct {
	dir  string
	root *os.Root
}

// OpenRoot opens the directory. Links in its path are followed, since the user named them. It does
// not open other files: opening a named pipe blocks until its other end is opened.
func OpenRoot(dir string) (*Root, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "opening", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "opening", Path: dir, Err: cause(err)}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Root{dir: dir, root: root}, nil
}

// Dir returns the path that the directory was opened by.
func (r *Root) Dir() string { return r.dir }

// Close releases the directory. A Root that is not closed is released when nothing refers to it any
// more.
func (r *Root) Close() error { return r.root.Close() }

// Lstat describes the name and does not follow it if it is a link.
func (r *Root) Lstat(name string) (fs.FileInfo, error) {
	info, err := r.root.Lstat(local(name))
	return info, r.explain("reading", name, err)
}

// Readlink returns the target of a link as it is written.
func (r *Root) Readlink(name string) (string, error) {
	target, err := r.root.Readlink(local(name))
	return target, r.explain("reading", name, err)
}

// Open opens a regular file. Any other file is a *NotRegularError and is not opened, since opening
// it may block or have side effects; a link out of the directory is a *LeavesError.
func (r *Root) Open(name string) (*os.File, error) {
	place := local(name)
	info, err := r.root.Stat(place)
	if escapes(err) {
		if place, err = r.behindLinks(place); err == nil {
			info, err = r.root.Stat(place)
		}
	}
	if err != nil {
		return nil, r.explain("opening", name, err)
	}
	if err := regular(name, info); err != nil {
		return nil, err
	}
	file, err := r.root.OpenFile(place, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, r.explain("opening", name, err)
	}
	if info, err = file.Stat(); err == nil {
		err = regular(name, info) // it may have been replaced meanwhile
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// ReadFile returns the content of a regular file of at most limit bytes. A larger one is a
// *TooLargeError.
func (r *Root) ReadFile(name string, limit int64) ([]byte, error) {
	file, err := r.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readAll(file, name, limit)
}

// Has reports whether an entry of that name exists, even if it cannot be read.
func (r *Root) Has(name string) bool {
	_, err := r.root.Lstat(local(name))
	return !errors.Is(err, fs.ErrNotExist)
}

// readAll reads at most limit bytes. It ignores the size, which is 0 for files in /proc.
func readAll(file io.Reader, name string, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		return nil, &fs.PathError{Op: "reading", Path: name, Err: cause(err)}
	case int64(len(text)) > limit:
		return nil, &TooLargeError{Name: name, Limit: limit}
	}
	return text, nil
}

// errLeaves is the cause of a *LeavesError.
const errLeaves = leavesError("it leads out of the directory")

type leavesError string

func (e leavesError) Error() string { return string(e) }

// Class returns fault.Usage.
func (leavesError) Class() fault.Class { return fault.Usage }

// escapes reports whether package os rejected a name since a link in it is absolute, or leads out
// of the directory. The package does not export an error for that.
func escapes(err error) bool {
	return err != nil && strings.Contains(cause(err).Error(), "escapes from parent")
}

// behindLinks returns the name of the target of an absolute link inside the directory, with links
// resolved.
func (r *Root) behindLinks(name string) (string, error) {
	dir, err := filepath.EvalSymlinks(r.dir)
	if err != nil {
		return "", err
	}
	target, err := filepath.EvalSymlinks(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		target = RealPath(r.target(name))
	} else if err != nil {
		return "", err
	}
	within, relErr := filepath.Rel(dir, target)
	if relErr != nil || !filepath.IsLocal(within) {
		return "", errLeaves
	}
	return within, err
}

// target returns the target of a link; empty if the name is not a link.
func (r *Root) target(name string) string {
	target, err := r.root.Readlink(local(name))
	if err != nil || filepath.IsAbs(target) {
		return target
	}
	return filepath.Join(r.dir, filepath.Dir(name), target)
}

// explain returns an error with the caller's name of the file, and the type for links that dangle
// or lead out of the directory.
func (r *Root) explain(op, name string, err error) error {
	if err == nil {
		return nil
	}
	target, linkErr := r.root.Readlink(local(name))
	switch {
	case escapes(err), errors.Is(err, errLeaves):
		return &LeavesError{Name: name, Target: target, Dir: r.dir}
	case errors.Is(err, fs.ErrNotExist) && linkErr == nil:
		return &DanglingError{Name: name, Target: target}
	}
	return &fs.PathError{Op: op, Path: name, Err: cause(err)}
}

// cause returns the error without package os's name of the file.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func local(name string) string {
	name = strings.TrimLeft(filepath.FromSlash(name), string(filepath.Separator))
	if name == "" {
		return "."
	}
	return filepath.Clean(name)
}

// LeavesError is returned for a name that leads out of its directory.
type LeavesError struct {
	Name   string
	Target string // of the link as it is written; empty if a directory on the way is the link
	Dir    string
}

func (e *LeavesError) Error() string {
	if e.Target == "" {
		return fmt.Sprintf("%q leads out of %q through a link", e.Name, e.Dir)
	}
	return fmt.Sprintf("%q is a link to %q, which leads out of %q", e.Name, e.Target, e.Dir)
}

// Class returns fault.Usage.
func (*LeavesError) Class() fault.Class { return fault.Usage }

// DanglingError is returned for a link to a file that does not exist. It is fs.ErrNotExist.
type DanglingError struct {
	Name   string
	Target string // of the link as it is written
}

func (e *DanglingError) Error() string {
	return fmt.Sprintf("%q is a link to %q, which does not exist", e.Name, e.Target)
}

func (e *DanglingError) Unwrap() error { return fs.ErrNotExist }

// Class returns fault.Usage.
func (*DanglingError) Class() fault.Class { return fault.Usage }

// NotRegularError is returned for what is not a regular file.
type NotRegularError struct {
	Name   string
	Mode   fs.FileMode
	Reason string // more about it; may be empty
}

func (e *NotRegularError) Error() string {
	text := fmt.Sprintf("%q is %s", e.Name, Kind(e.Mode))
	if e.Reason != "" {
		text += " " + e.Reason
	}
	return text
}

// Class returns fault.Usage.
func (*NotRegularError) Class() fault.Class { return fault.Usage }

// TooLargeError is returned for a file that is larger than the limit.
type TooLargeError struct {
	Name  string
	Limit int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%q is larger than %d bytes", e.Name, e.Limit)
}

// Class returns fault.Usage.
func (*TooLargeError) Class() fault.Class { return fault.Usage }

func regular(name string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return &NotRegularError{Name: name, Mode: info.Mode()}
}

// Kind returns the kind of a file, with an article, e.g. "a named pipe".
func Kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a regular file"
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "not a regular file"
}
