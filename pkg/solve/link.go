package solve

import (
	"errors"
	"net"
	"sync"
)

// link remembers why a connection broke. gRPC reports every loss as "error
// reading from server: EOF"; what the tunnel said is only here.
type link struct {
	mu     sync.Mutex
	first  error
	closed bool
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
	}
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
	c.link.note(err)
	return n, err
}

func (c *watchedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.link.note(err)
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
