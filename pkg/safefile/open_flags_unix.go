//go:build unix

package safefile

import (
	"os"
	"syscall"
)

// nonblock opens a named pipe without waiting for its other end.
const nonblock = syscall.O_NONBLOCK

// readDirFlags fail for an entry that was replaced by a link or a pipe since it was listed.
const readDirFlags = os.O_RDONLY | syscall.O_DIRECTORY | syscall.O_NONBLOCK
