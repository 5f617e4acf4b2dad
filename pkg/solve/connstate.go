package solve

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// readGrace is how long a failed write waits for the concurrent read to fail too: the reader
// receives the reason of a loss. A connection that has never been read has no reader.
const readGrace = 250 * time.Millisecond

// connState records why a connection broke, and when data was last received. gRPC
// reports every loss as "error reading from server: EOF"; the tunnel's own error
// is recorded here.
type connState struct {
	broken chan struct{} // closed with the first error
	began  time.Time
	last   atomic.Int64 // when data was last received, in nanoseconds since began

	read       atomic.Bool // a read has begun
	mu         sync.Mutex
	first      error
	closed     bool
	fellSilent chan struct{} // closed when the connection is suspected to be dead
	resumption chan struct{} // closed when data is received on a suspected connection
	suspected  atomic.Bool   // the connection is suspected to be dead
}

func newConnState() *connState {
	return &connState{broken: make(chan struct{}), began: time.Now(), fellSilent: make(chan struct{}), resumption: make(chan struct{})}
}

// received records that data was received.
func (l *connState) received() {
	l.last.Store(int64(time.Since(l.began)))
	if !l.suspected.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.suspected.CompareAndSwap(true, false) {
		close(l.resumption)
		l.fellSilent, l.resumption = make(chan struct{}), make(chan struct{})
	}
}

// lastReceived returns the time at which data was last received.
func (l *connState) lastReceived() time.Time {
	return l.began.Add(time.Duration(l.last.Load()))
}

// suspect marks the connection as suspected, unless data was received after last.
func (l *connState) suspect(last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.suspected.Load() {
		return
	}
	l.suspected.Store(true)
	if !l.lastReceived().Equal(last) { // checked after the mark: received clears it after it has stored the time
		l.suspected.Store(false)
		return
	}
	close(l.fellSilent)
}

func (l *connState) isSuspect() bool { return l.suspected.Load() }

// silent returns a channel that is closed as soon as the connection is suspected.
func (l *connState) silent() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fellSilent
}

// resumed returns a channel that is closed as soon as a suspected connection receives data; at once
// if it is not suspected.
func (l *connState) resumed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.suspected.Load() {
		ended := make(chan struct{})
		close(ended)
		return ended
	}
	return l.resumption
}

// firstError returns the first error of the connection; nil while it works and
// after this client has closed it.
func (l *connState) firstError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

func (l *connState) recordError(err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil && !l.closed {
		l.first = err
		close(l.broken)
	}
}

func (l *connState) recordWriteError(err error) {
	if err == nil {
		return
	}
	if l.read.Load() && !l.isClosed() {
		timer := time.NewTimer(readGrace)
		defer timer.Stop()
		select {
		case <-l.broken:
		case <-timer.C:
		}
	}
	l.recordError(err)
}

func (l *connState) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (l *connState) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// watch wraps one layer of the connection. The layers below and above TLS have the
// same state: the tunnel's error comes first, and an alert of the other side
// exists only above.
func (l *connState) watch(conn net.Conn) net.Conn {
	return &watchedConn{Conn: conn, state: l}
}

type watchedConn struct {
	net.Conn
	state *connState
}

func (c *watchedConn) Read(b []byte) (int, error) {
	c.state.read.Store(true)
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.state.received()
	}
	c.state.recordError(err)
	return n, err
}

func (c *watchedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.state.recordWriteError(err)
	return n, err
}

// Close closes the connection. gRPC also closes one that has broken; the recorded
// error is kept.
func (c *watchedConn) Close() error {
	c.state.close()
	err := c.Conn.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
