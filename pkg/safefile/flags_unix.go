//go:build unix

package safefile

import (
	"os"
	"syscall"
)

// nonblock keeps the opening of a named pipe from waiting for its other end.
const nonblock = syscall.O_NONBLOCK

// readDirFlags refuse what has become a link or a pipe since it was listed.
const readDirFlags = os.O_RDONLY | syscall.O_DIRECTORY | syscall.O_NONBLOCK
