//go:build !unix

package safefile

import "os"

const (
	nonblock     = 0
	readDirFlags = os.O_RDONLY
)
