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

// maxPath is how long, in bytes, the path of a socket may be on every system (sun_path of darwin, with its end).
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
	// Exposed says that others may write to the directory, and so put a socket of their own in place of this one.
	Exposed bool

	own       fs.FileInfo
	closeOnce sync.Once
	closeErr  error
}

// Listen makes the socket, with mode 0600. What an ended process has left at the path is replaced; a socket at which
// a process listens is not, nor is any other file. The error is a *usage.Error.
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
	// The end of this socket must not remove another's that has taken its place.
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

// Close ends the listening and removes the socket.
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
		return unusable(path, "there is a file which is not a socket")
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

// reasonOf is a system's error without what every reader of the message around it knows.
func reasonOf(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}
