package driver

import (
	"errors"
	"io"
	"net"
	"sync"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// target is one member, for as long as that is there.
type target struct {
	member       cluster.Member
	certificates *cluster.Connection // nil for an unmanaged builder
	watching     sync.Once
	over         chan struct{} // closed when the member has ended
	why          error         // a *LostError, once it has

	leaving bool // guarded by the relay: a new client is better off with another member
}

func newTarget(member cluster.Member, certificates *cluster.Connection) *target {
	return &target{member: member, certificates: certificates, over: make(chan struct{})}
}

// same reports whether this is the Pod as it is now, and not one that had its name.
func (t *target) same(member cluster.Member) bool {
	return t.member.UID == member.UID && t.member.Restarts == member.Restarts && !t.ended()
}

func (t *target) ended() bool {
	select {
	case <-t.over:
		return true
	default:
		return false
	}
}

// end ends the connections to the member, with what the cluster reports of it.
func (t *target) end(diagnosis cluster.Diagnosis) {
	t.why = &LostError{Member: t.member, Diagnosis: diagnosis, Lost: &solve.LostError{Cause: errors.New(diagnosis.Message)}}
	close(t.over)
}

// relayConn is a client's connection to a member. It ends with the member, though the connection to
// the node, or a daemon that no client finds any more, may last longer.
type relayConn struct {
	net.Conn
	target *target
	closed chan struct{}
	once   sync.Once
}

func (t *target) carry(conn net.Conn) *relayConn {
	c := &relayConn{Conn: conn, target: t, closed: make(chan struct{})}
	go func() {
		select {
		case <-t.over:
			_ = conn.Close()
		case <-c.closed:
		}
	}()
	return c
}

func (c *relayConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func (c *relayConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.ended(err)
}

func (c *relayConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.ended(err)
}

func (c *relayConn) ended(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF) && errors.Unwrap(err) == nil: // in good order: what is lost wraps it
		return err
	case c.target.ended():
		return c.target.why
	}
	return &connError{member: c.target.member, err: err}
}

// connError is how a connection to a member broke.
type connError struct {
	member cluster.Member
	err    error
}

func (e *connError) Error() string { return e.err.Error() }
func (e *connError) Unwrap() error { return e.err }

// Class returns that of err.
func (e *connError) Class() fault.Class { return fault.Of(e.err) }
