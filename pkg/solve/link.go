package solve

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// readGrace is how long a failed write waits for the read beside it to fail too:
// the reason of a loss comes to the reader.
const readGrace = 250 * time.Millisecond

// link remembers why a connection broke. gRPC reports every loss as "error
// reading from server: EOF"; what the tunnel said is only here.
type link struct {
	broken chan struct{} // closed with the first error
	began  time.Time
	last   atomic.Int64 // when something came last, in nanoseconds since began

	mu         sync.Mutex
	first      error
	closed     bool
	fellSilent chan struct{} // closed when a silence is suspect
	speaking   chan struct{} // closed when a suspect silence ends
	quiet      atomic.Bool   // a silence is suspect
}

func newLink() *link {
	return &link{broken: make(chan struct{}), began: time.Now(), fellSilent: make(chan struct{}), speaking: make(chan struct{})}
}

// hear notes that something came.
func (l *link) hear() {
	l.last.Store(int64(time.Since(l.began)))
	if !l.quiet.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quiet.CompareAndSwap(true, false) {
		close(l.speaking)
		l.fellSilent, l.speaking = make(chan struct{}), make(chan struct{})
	}
}

// heard is when something came last.
func (l *link) heard() time.Time {
	return l.began.Add(time.Duration(l.last.Load()))
}

// suspect marks the silence since last as suspect, unless it has just ended.
func (l *link) suspect(last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quiet.Load() {
		return
	}
	l.quiet.Store(true)
	if !l.heard().Equal(last) { // asked only now: hear looks at it after it has noted
		l.quiet.Store(false)
		return
	}
	close(l.fellSilent)
}

func (l *link) isSuspect() bool { return l.quiet.Load() }

// silent is closed as soon as the silence is suspect.
func (l *link) silent() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fellSilent
}

// resumed is closed as soon as a suspect silence ends; at once if none is.
func (l *link) resumed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.quiet.Load() {
		ended := make(chan struct{})
		close(ended)
		return ended
	}
	return l.speaking
}

// failure is the first error of the connection, nil while it works and after
// this side has closed it.
func (l *link) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

func (l *link) note(err error) {
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

func (l *link) noteWrite(err error) {
	if err == nil {
		return
	}
	if !l.isClosed() {
		timer := time.NewTimer(readGrace)
		defer timer.Stop()
		select {
		case <-l.broken:
		case <-timer.C:
		}
	}
	l.note(err)
}

func (l *link) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// watch wraps one layer of the connection. Below and above TLS the same link is
// noted: the tunnel's error comes first, and an alert of the other side exists
// only above.
func (l *link) watch(conn net.Conn) net.Conn {
	return &watchedConn{Conn: conn, link: l}
}

type watchedConn struct {
	net.Conn
	link *link
}

func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.link.hear()
	}
	c.link.note(err)
	return n, err
}

func (c *watchedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.link.noteWrite(err)
	return n, err
}

// Close is this side's: gRPC also closes a connection that has broken, and what
// was noted then stays.
func (c *watchedConn) Close() error {
	c.link.close()
	err := c.Conn.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
