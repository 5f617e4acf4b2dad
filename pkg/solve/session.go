package solve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/grpchijack"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

// sessionID is the header with the ID of BuildKit's session.
const sessionID = "X-Docker-Expose-Session-Uuid"

// sessions serves sessions with gRPC's own transport. BuildKit's client serves them as an HTTP
// handler, in which each message waits until its own frame is written, and which does not see the
// compression that the daemon offers.
type sessions struct {
	mu      sync.Mutex
	servers map[string]*grpc.Server // of sessions that have not been dialed, by session ID
}

// newSession creates the session of one solve, which registers its services and runs it.
func (d *Daemon) newSession(ctx context.Context, opt *client.SolveOpt) error {
	made, err := session.NewSession(context.WithoutCancel(ctx), opt.SharedKey)
	if err != nil {
		return fmt.Errorf("preparing the session: %w", err)
	}
	made.Allow(attachable(func(server *grpc.Server) {
		d.sessions.mu.Lock()
		defer d.sessions.mu.Unlock()
		d.sessions.servers[made.ID()] = server
	}))
	opt.SharedSession = made
	return nil
}

// attachable is a function that receives a session's server.
type attachable func(*grpc.Server)

func (a attachable) Register(server *grpc.Server) { a(server) }

func (s *sessions) take(id string) *grpc.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	server := s.servers[id]
	delete(s.servers, id)
	return server
}

// dialSession opens the session's connection to the daemon and serves it. It returns an idle
// connection, for BuildKit's client to serve until the real one has ended.
func (d *Daemon) dialSession(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
	var server *grpc.Server
	if ids := meta[sessionID]; len(ids) == 1 {
		server = d.sessions.take(ids[0])
	}
	if server == nil {
		return nil, errors.New("the session was not made for this connection")
	}
	asked := time.Now()
	conn, err := grpchijack.Dialer(d.client.ControlClient())(ctx, proto, meta)
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	served := &servedConn{Conn: conn, answered: func() { d.stats.answered(time.Since(asked)) }}
	served.ended = func() { _ = far.Close() }
	go func() { _ = server.Serve(newListener(served)) }()
	go func() {
		defer func() { _ = served.Close() }()
		idle(far)
	}()
	return near, nil
}

// servedConn reports the first response and the end.
type servedConn struct {
	net.Conn
	answered, ended func()
	once            sync.Once
}

func (c *servedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.once.Do(c.answered)
	return n, err
}

// Write splits the data into messages of a size for which gRPC is fast.
func (c *servedConn) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		n, err := c.Conn.Write(b[written:min(len(b), written+upload.MaxContent)])
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (c *servedConn) Close() error {
	defer c.ended()
	return c.Conn.Close()
}

// listener accepts one connection.
type listener struct {
	net.Conn
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newListener(conn net.Conn) *listener {
	l := &listener{Conn: conn, accepted: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.accepted <- conn
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close does not close the connection, which belongs to the server.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return l.LocalAddr() }

// idle is the idle side of an HTTP/2 connection: it sends the preface and then nothing, until the
// other side closes it.
func idle(conn io.ReadWriter) {
	go func() {
		if _, err := io.WriteString(conn, http2.ClientPreface); err == nil {
			_ = http2.NewFramer(conn, conn).WriteSettings()
		}
	}()
	_, _ = io.Copy(io.Discard, conn)
}
