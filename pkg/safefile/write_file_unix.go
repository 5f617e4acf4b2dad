//go:build unix

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	nonBlocking = syscall.O_NONBLOCK
	noTerminal  = syscall.O_NOCTTY
	firstFree   = 3 // descriptors before it are the standard streams
)

// accessible returns an error if this process may not write to the file, or create
// files in the directory. It changes nothing.
func accessible(path string, isDir bool) error {
	mode := uint32(unix.W_OK)
	if isDir {
		mode |= unix.X_OK
	}
	return unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS)
}

// withoutReader reports whether a pipe could not be opened since it has no reader.
func withoutReader(err error) bool { return errors.Is(err, syscall.ENXIO) }

// descriptorOf parses a name in a directory of descriptors: /dev/fd, or one of
// /proc. Foreign descriptors are those of other processes.
func descriptorOf(dir, base string) (descriptor int, foreign bool) {
	number, err := strconv.Atoi(base)
	if err != nil || number < 0 {
		return none, false
	}
	if dir == "/dev/fd" {
		return number, false
	}
	parts := strings.Split(strings.TrimPrefix(dir, "/proc/"), "/")
	ofProcess := len(parts) == 2 && parts[1] == "fd" || len(parts) == 4 && parts[1] == "task" && parts[3] == "fd"
	if !ofProcess || !strings.HasPrefix(dir, "/proc/") {
		return none, false
	}
	if parts[0] != strconv.Itoa(os.Getpid()) {
		return none, true
	}
	return number, false
}

// checkDescriptor returns an error unless this process was started with the
// descriptor. Descriptors that it opened itself, e.g. of connections, are
// close-on-exec.
func checkDescriptor(descriptor int) error {
	flags, err := unix.FcntlInt(uintptr(descriptor), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return syscall.EBADF
	}
	status, err := unix.FcntlInt(uintptr(descriptor), unix.F_GETFL, 0)
	if err != nil {
		return err
	}
	if status&unix.O_ACCMODE == unix.O_RDONLY {
		return errors.New("it is open for reading only")
	}
	return nil
}

// openDescriptor reopens a pipe where that is possible, so that a blocked write can
// be ended. Other files share the offset of the descriptor.
func openDescriptor(p place) (*os.File, error) {
	if p.info.Mode()&fs.ModeNamedPipe != 0 && strings.HasPrefix(p.path, "/proc/") {
		if file, err := os.OpenFile(p.path, os.O_WRONLY|nonBlocking, 0); err == nil {
			return file, nil
		}
	}
	if err := checkDescriptor(p.descriptor); err != nil {
		return nil, err
	}
	descriptor, err := unix.FcntlInt(uintptr(p.descriptor), unix.F_DUPFD_CLOEXEC, firstFree)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(descriptor), p.path), nil
}

// linkCount returns the number of the file's hard links.
func linkCount(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink) //nolint:unconvert // it has 16 bits on darwin
	}
	return 1
}

// ownerCanBeKept reports whether this process can give a new file the owner of that one.
func ownerCanBeKept(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || os.Geteuid() == 0 || int(stat.Uid) == os.Geteuid()
}

// keepOwner sets the owner and the group of the file to those of the former one.
func keepOwner(file *os.File, former fs.FileInfo) error {
	was, ok := former.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && is.Uid == was.Uid && is.Gid == was.Gid {
		return nil
	}
	return file.Chown(int(was.Uid), int(was.Gid))
}
