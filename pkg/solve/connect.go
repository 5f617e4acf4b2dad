package solve

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/buildkit/client"
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto" // names of files and values of arguments need not be UTF-8
	"google.golang.org/grpc"
)

// The name a daemon has in its certificate and in HTTP/2, wherever it runs.
const (
	daemonName    = "buildkitd"
	daemonAddress = "tcp://" + daemonName
)

// handshakeTurns is the number of round trips until the daemon's first byte after the handshake of
// TLS 1.3.
const handshakeTurns = 2

// Dial opens a connection to the daemon.
type Dial func(ctx context.Context) (net.Conn, error)

// Daemon is a connection to one daemon. It does not reconnect after a loss: a new
// connection would not have the session.
type Daemon struct {
	client        *client.Client
	conn          net.Conn                 // as it was dialed
	dialed        func() (net.Conn, error) // see singleDial
	state         *connState
	stats         *linkStats
	sessions      sessions
	grace         time.Duration // see cancelGrace
	silenceLimits silenceLimits
	stop          context.CancelFunc // ends the guard

	limit        Limit
	abandoning   sync.Once
	abandoned    chan struct{} // closed when builds must not wait here
	abandonedFor error
}

// Connect dials once and, if config is not nil, does the TLS handshake. The daemon
// has not responded yet: Version calls it. Errors of dial are returned as they
// are; others are *TLSError or *LostError.
func Connect(ctx context.Context, dial Dial, config *tls.Config) (*Daemon, error) {
	return connect(ctx, dial, config, silenceLimits{ask: askAfter, suspect: suspectAfter, dead: deadAfter})
}

func connect(ctx context.Context, dial Dial, config *tls.Config, patience silenceLimits) (*Daemon, error) {
	raw, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	l, g := newConnState(), &linkStats{Conn: raw}
	conn, err := secure(ctx, g, config, l)
	if err != nil {
		return nil, err
	}
	d := &Daemon{
		conn: raw, state: l, stats: g, sessions: sessions{servers: map[string]*grpc.Server{}},
		grace: cancelGrace, silenceLimits: patience, abandoned: make(chan struct{}), dialed: singleDial(newEagerConn(conn), l),
	}
	d.client, err = client.New(ctx, daemonAddress,
		client.WithContextDialer(func(context.Context, string) (net.Conn, error) { return d.dialed() }),
		client.WithSessionDialer(d.dialSession),
	)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	guarding, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	go d.guard(guarding)
	return d, nil
}

// Open is Connect for the client of another program: it returns the connection once
// the daemon has accepted this client's certificate. The connection carries HTTP/2.
func Open(ctx context.Context, dial Dial, config *tls.Config) (net.Conn, error) {
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	return secure(ctx, &linkStats{Conn: conn}, config, newConnState())
}

// secure records the state of the connection, and does the TLS handshake if config is not nil.
func secure(ctx context.Context, g *linkStats, config *tls.Config, l *connState) (net.Conn, error) {
	conn := l.watch(g)
	if config == nil {
		return conn, nil
	}
	began := time.Now()
	secure, err := handshake(ctx, conn, config, l)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	g.answered(time.Since(began) / handshakeTurns)
	return l.watch(secure), nil
}

// Client returns BuildKit's own client on this connection.
func (d *Daemon) Client() *client.Client {
	return d.client
}

// Call calls question with BuildKit's own client and returns its error as a type of
// this package, as the other methods do.
func (d *Daemon) Call(ctx context.Context, question func(*client.Client) error) error {
	return d.callError(ctx, question(d.client))
}

// Close ends the connection, and every call on it.
func (d *Daemon) Close() error {
	d.stop()
	d.state.close()
	err := d.client.Close()
	if conn, unused := d.dialed(); unused == nil { // gRPC takes it with the first call
		_ = conn.Close()
	}
	return err
}

// closeNow is Close for an unresponsive connection: it does not wait until the last
// bytes are sent.
func (d *Daemon) closeNow() {
	d.state.close()
	_ = d.conn.Close()
	_ = d.Close()
}

// handshake does the TLS handshake, since the errors of gRPC are text. With TLS 1.3
// the daemon checks the client's certificate only after it: the first call then
// returns the alert.
func handshake(ctx context.Context, conn net.Conn, config *tls.Config, l *connState) (net.Conn, error) {
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	if config.ServerName == "" {
		config.ServerName = daemonName
	}
	secure := tls.Client(conn, config)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	err := secure.HandshakeContext(ctx)
	switch {
	case err == nil:
		return secure, nil
	case ctx.Err() != nil:
		return nil, &CanceledError{Cause: context.Cause(ctx)}
	case l.firstError() != nil && !isTLSAlert(err):
		return nil, &LostError{Cause: describeEOF(l.firstError())}
	}
	return nil, &TLSError{Cause: err}
}

// eagerConn saves gRPC a round trip. Its client sends no call before it has read
// the server's SETTINGS, which the first calls do not depend on. Here it reads
// empty ones first, and the server's own later, as an update. The server receives
// one acknowledgement more than it expects, which gRPC's server ignores.
type eagerConn struct {
	net.Conn
	settings []byte // what is left of the empty frame
}

// newEagerConn starts with a SETTINGS frame without settings (RFC 9113, 6.5).
func newEagerConn(conn net.Conn) *eagerConn {
	const headerLength, typeSettings = 9, 4
	frame := make([]byte, headerLength)
	frame[3] = typeSettings
	return &eagerConn{Conn: conn, settings: frame}
}

func (c *eagerConn) Read(b []byte) (int, error) {
	if len(c.settings) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.settings)
	c.settings = c.settings[n:]
	return n, nil
}

// singleDial returns a dialer for gRPC that returns the connection once, and after
// that the error that ended it.
func singleDial(conn net.Conn, l *connState) func() (net.Conn, error) {
	var used atomic.Bool
	return func() (net.Conn, error) {
		if used.CompareAndSwap(false, true) {
			return conn, nil
		}
		if err := l.firstError(); err != nil {
			return nil, err
		}
		return nil, errors.New("the connection has ended")
	}
}
