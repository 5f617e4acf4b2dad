package proxy

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// maxPath is the maximum length, in bytes, of a socket's path on every system (sun_path of darwin,
// without its NUL).
const maxPath = 103

// unusable is the error of a path that can have no socket.
func unusable(path, reason string) error {
	return &usage.Error{What: "--listen", Value: "unix://" + path, Reason: reason, Next: "name another path with --listen unix://PATH"}
}

// Socket listens at a path in the file system, for its user alone.
type Socket struct {
	net.Listener
	// Path is absolute.
	Path string
	// Exposed reports whether other users may write to the directory, and so replace this socket
	// with their own.
	Exposed bool

	own       fs.FileInfo
	closeOnce sync.Once
	closeErr  error
}

// Listen creates the socket, with mode 0600. It replaces a socket that an ended process has left at
// the path; it returns a *usage.Error if a process listens there, or if another file exists.
func Listen(path string) (*Socket, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, unusable(path, err.Error())
	}
	if len(path) > maxPath {
		return nil, unusable(path, fmt.Sprintf("the path of a socket has at most %d bytes, this one has %d", maxPath, len(path)))
	}
	if err := clearStale(path); err != nil {
		return nil, err
	}
	listener, err := listenPrivately(path)
	if err != nil {
		return nil, unusable(path, reasonOf(err))
	}
	// Closing this socket must not remove another one that has replaced it.
	listener.SetUnlinkOnClose(false)
	own, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(unusable(path, reasonOf(err)), listener.Close())
	}
	s := &Socket{Listener: listener, Path: path, own: own}
	if directory, err := os.Stat(filepath.Dir(path)); err == nil {
		s.Exposed = exposed(directory)
	}
	return s, nil
}

// Close stops listening and removes the socket.
func (s *Socket) Close() error {
	s.closeOnce.Do(func() {
		if now, err := os.Lstat(s.Path); err == nil && os.SameFile(now, s.own) {
			s.closeErr = os.Remove(s.Path)
		}
		s.closeErr = errors.Join(s.closeErr, s.Listener.Close())
	})
	return s.closeErr
}

// clearStale removes a socket at which no process listens any more.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return unusable(path, reasonOf(err))
	case info.Mode().Type() != fs.ModeSocket:
		return unusable(path, "a file that is not a socket exists there")
	}
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return unusable(path, "another process listens there")
	case !refused(err):
		return unusable(path, reasonOf(err))
	}
	if err := os.Remove(path); err != nil {
		return unusable(path, reasonOf(err))
	}
	return nil
}

// reasonOf returns a system's error without the operation and the path, which the message around it
// has.
func reasonOf(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}
