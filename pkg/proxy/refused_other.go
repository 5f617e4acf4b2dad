//go:build !windows

package proxy

import (
	"errors"
	"syscall"
)

// refused reports whether no process listens at the socket.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
