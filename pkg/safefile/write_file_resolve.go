package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

const (
	// none is the descriptor of a path that does not name a descriptor.
	none = -1
	// stdout is that of standard output.
	stdout = 1
	// maxLinks is how many links are followed, as the kernel does.
	maxLinks = 40
	// readerPoll is the interval of attempts to open a named pipe without a reader.
	readerPoll = 20 * time.Millisecond
	// readerWait is the timeout for the reader: scripts start it at about the same
	// time, and a pipeline must not block without one.
	readerWait = 5 * time.Second
)

const errNoReader = noReaderError("the pipe has no reader")

// noReaderError is returned for a named pipe without a reader.
type noReaderError string

func (e noReaderError) Error() string { return string(e) }

// Class returns fault.Failed.
func (noReaderError) Class() fault.Class { return fault.Failed }

// place is the file that a path resolves to.
type place struct {
	path       string      // with links resolved; this path is opened
	descriptor int         // of this process, if the path names one, e.g. /dev/stdout; else none
	foreign    bool        // the path is another process's descriptor
	linked     bool        // the path has links
	info       fs.FileInfo // nil if the file does not exist
}

// through reports whether the file can be written but must not be replaced.
func (p place) through() bool {
	return p.descriptor != none || p.info != nil && (p.foreign || !p.info.Mode().IsRegular())
}

// resolve resolves links. With an error that wraps fs.ErrNotExist, the place has
// the path whose directory does not exist.
func resolve(path string) (place, error) {
	found := place{path: path, descriptor: none}
	for range maxLinks {
		dir, base := filepath.Split(found.path)
		if base == "" || base == "." || base == ".." { // a directory
			dir, base = found.path, "."
		}
		real, err := followed(dir)
		if err != nil {
			return found, err
		}
		found.path = filepath.Join(real, base)
		if descriptor, foreign := descriptorOf(real, base); descriptor != none || foreign {
			found.descriptor, found.foreign = descriptor, foreign
			if found.info, err = os.Stat(found.path); err != nil {
				err = &fs.PathError{Op: "open", Path: path, Err: syscall.EBADF}
			}
			return found, err
		}
		info, err := os.Lstat(found.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return found, nil
		case err != nil:
			return found, err
		case info.Mode()&fs.ModeSymlink == 0:
			found.info = info
			return found, nil
		}
		target, err := os.Readlink(found.path)
		if err != nil {
			return found, err
		}
		found.linked = true
		if !filepath.IsAbs(target) { // not cleaned: "link/.." is not where the link is
			target = strings.TrimSuffix(real, string(filepath.Separator)) + string(filepath.Separator) + target
		}
		found.path = target
	}
	return found, &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
}

// followed returns the path with links resolved. Its errors are the system's: package filepath has
// one of its own for links that do not end, and does not name the file that is not a directory.
func followed(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	var named *fs.PathError
	if err == nil || errors.As(err, &named) {
		return real, err
	}
	if !errors.Is(err, syscall.ENOTDIR) {
		err = syscall.ELOOP
	}
	return "", &fs.PathError{Op: "open", Path: filepath.Clean(path), Err: err}
}

// open opens a device, a pipe or a descriptor. It waits for a reader of a named pipe,
// for readerWait at most and until interrupted is closed.
func (p place) open(interrupted <-chan struct{}) (*os.File, error) {
	if p.descriptor != none {
		return openDescriptor(p)
	}
	if p.info.Mode()&fs.ModeNamedPipe == 0 {
		return os.OpenFile(p.path, os.O_WRONLY|noTerminal, 0)
	}
	timeout := time.NewTimer(readerWait)
	defer timeout.Stop()
	for {
		file, err := os.OpenFile(p.path, os.O_WRONLY|nonBlocking, 0)
		if err == nil || !withoutReader(err) {
			return file, err
		}
		select {
		case <-interrupted:
			return nil, fmt.Errorf("interrupted: %w", errNoReader)
		case <-timeout.C:
			return nil, fmt.Errorf("%w, also after %v", errNoReader, readerWait)
		case <-time.After(readerPoll):
		}
	}
}
