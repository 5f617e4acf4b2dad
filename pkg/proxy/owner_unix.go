//go:build unix

package proxy

import (
	"io/fs"
	"net"
	"os"
	"syscall"
)

// listenPrivately creates the socket with mode 0600, so that no other user can connect before a
// change of the mode.
func listenPrivately(path string) (*net.UnixListener, error) {
	before := syscall.Umask(0o177)
	defer syscall.Umask(before)
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

func owned(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// exposed reports whether others may replace what is in the directory. In one with the sticky bit
// they cannot.
func exposed(directory fs.FileInfo) bool {
	return directory.Mode().Perm()&0o022 != 0 && directory.Mode()&fs.ModeSticky == 0
}

// readable reports whether others may list the directory.
func readable(directory fs.FileInfo) bool { return directory.Mode().Perm()&0o077 != 0 }
