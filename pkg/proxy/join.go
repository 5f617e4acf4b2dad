// Package proxy lets programs on this machine use connections that lead elsewhere: it listens on a unix socket that
// only its user may use, joins every connection it accepts to one that it is given, and runs a command beside that.
//
// It must not know where the connections lead, nor what is said on them.
package proxy

import (
	"io"
	"sync"
)

// Join carries bytes both ways until one end is done, and closes both. It returns nil when the near end is done, or
// the far end has closed in good order; else why the far end was lost.
//
// Neither end is half-closed: what speaks HTTP/2 here never needs it, and a tunnel cannot carry it.
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

// carry copies until one side is done, and tells which was lost. Only a reader's own io.EOF is an end in good order: an
// error that wraps it tells of a link that broke.
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
