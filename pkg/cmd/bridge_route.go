package cmd

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// route leads to one member for as long as that is there.
type route struct {
	member     cluster.Member
	connection *cluster.Connection // nil for an adopted builder
	watching   sync.Once
	over       chan struct{} // closed when the member has ended
	why        error         // a *lostError, once it has

	leaving bool // guarded by the bridge: who comes now is better off with another member
}

func newRoute(member cluster.Member, connection *cluster.Connection) *route {
	return &route{member: member, connection: connection, over: make(chan struct{})}
}

// same says that this is the route to the Pod as it is now, and not to one that had its name.
func (r *route) same(member cluster.Member) bool {
	return r.member.UID == member.UID && r.member.Restarts == member.Restarts && !r.ended()
}

func (r *route) ended() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// carried is a client's connection to a member. It ends with the member, though the link to the node, or a daemon that
// nobody finds any more, may last longer.
type carried struct {
	net.Conn
	route  *route
	closed chan struct{}
	once   sync.Once
}

func (r *route) carry(conn net.Conn) *carried {
	c := &carried{Conn: conn, route: r, closed: make(chan struct{})}
	go func() {
		select {
		case <-r.over:
			_ = conn.Close()
		case <-c.closed:
		}
	}()
	return c
}

func (c *carried) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func (c *carried) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.stranded(err)
}

func (c *carried) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.stranded(err)
}

func (c *carried) stranded(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF) && errors.Unwrap(err) == nil: // in good order: what is lost wraps it
		return err
	case c.route.ended():
		return c.route.why
	}
	return &strandedError{member: c.route.member, err: err}
}

// strandedError is how a connection to a member broke.
type strandedError struct {
	member cluster.Member
	err    error
}

func (e *strandedError) Error() string { return e.err.Error() }
func (e *strandedError) Unwrap() error { return e.err }

// watch follows the member until it has ended or ctx does, from the first connection on.
func (b *bridge) watch(ctx context.Context, r *route) {
	r.watching.Do(func() {
		go b.f.observe(ctx, r.member, func(diagnosis cluster.Diagnosis) { b.observed(r, diagnosis) })
	})
}

// observed acts on what the cluster says of a member: where it goes, those who come are led elsewhere; where it has
// ended, so have the connections to it.
func (b *bridge) observed(r *route, diagnosis cluster.Diagnosis) {
	b.mu.Lock()
	r.leaving = diagnosis.Cause != cluster.CauseNone
	b.mu.Unlock()
	if diagnosis.Over {
		r.why = &lostError{member: r.member, diagnosis: diagnosis, lost: &solve.LostError{Cause: errors.New(diagnosis.Message)}}
		close(r.over)
		return
	}
	if diagnosis.Cause == cluster.CauseNone {
		return
	}
	escape.Fprintln(b.f.streams.ErrOut, warning(r.member, diagnosis, "what runs there"))
}
