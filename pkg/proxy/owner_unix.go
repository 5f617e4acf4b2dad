//go:build unix

package proxy

import (
	"io/fs"
	"net"
	"os"
	"syscall"
)

// listenPrivately lets nobody else in, not even for the moment between the socket's making and a change of its mode.
func listenPrivately(path string) (*net.UnixListener, error) {
	before := syscall.Umask(0o177)
	defer syscall.Umask(before)
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

func owned(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// exposed says that others may replace what is in the folder. In one with the sticky bit they cannot.
func exposed(folder fs.FileInfo) bool {
	return folder.Mode().Perm()&0o022 != 0 && folder.Mode()&fs.ModeSticky == 0
}

// readable says that others may look into the folder.
func readable(folder fs.FileInfo) bool { return folder.Mode().Perm()&0o077 != 0 }
