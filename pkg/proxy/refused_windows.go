package proxy

import (
	"errors"

	"golang.org/x/sys/windows"
)

// refused reports whether no process listens at the socket. The syscall package has an ECONNREFUSED on Windows too, a
// number of its own that the system never returns.
func refused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
