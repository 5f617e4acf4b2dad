package proxy

import (
	"errors"

	"golang.org/x/sys/windows"
)

// refused reports whether no process listens at the socket. The ECONNREFUSED of the syscall package
// on Windows is an invented number, which the system never returns.
func refused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
