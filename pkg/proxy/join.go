// Package proxy gives programs on this machine access to remote connections: it listens on a unix
// socket that only its user may use, joins every accepted connection to a remote one, and runs a
// command meanwhile.
//
// It must not know where the connections lead, nor their protocol.
package proxy

import (
	"io"
	"sync"
)

// Join copies bytes in both directions until one end is done, and closes both. It returns nil if
// the local end is done, or the remote end was closed properly; else why the remote end was lost.
//
// Neither end is half-closed: HTTP/2 does not need it, and a tunnel does not support it.
func Join(near, far io.ReadWriteCloser) error {
	ends := make(chan error, 2)
	var both sync.WaitGroup
	both.Go(func() {
		_, lost := carry(far, near)
		ends <- lost
	})
	both.Go(func() {
		lost, _ := carry(near, far)
		ends <- lost
	})
	lost := <-ends
	_, _ = near.Close(), far.Close()
	both.Wait()
	return lost
}

// carry copies until one side is done, and returns the error of the side that was lost. Only a
// reader's own io.EOF is a proper end: an error that wraps it means that the connection broke.
func carry(to io.Writer, from io.Reader) (reading, writing error) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return nil, err
			}
		}
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return err, nil
		}
	}
}
