//go:build !unix

package proxy

import (
	"io/fs"
	"net"
)

// Where access depends on the directory, the user's own directory for temporary files is theirs
// alone.

func listenPrivately(path string) (*net.UnixListener, error) {
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

func owned(fs.FileInfo) bool { return true }

func exposed(fs.FileInfo) bool { return false }

func readable(fs.FileInfo) bool { return false }
