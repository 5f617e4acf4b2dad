package solve

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
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

// handshakeTurns is how often the daemon answers until its first byte after the handshake of TLS 1.3.
const handshakeTurns = 2

// Dial opens a connection to the daemon.
type Dial func(ctx context.Context) (net.Conn, error)

// Daemon is a connection to one daemon. It is not replaced when it breaks: a new
// one would not know the session.
type Daemon struct {
	client   *client.Client
	conn     net.Conn // as it was dialed
	link     *link
	stats    *linkStats
	sessions sessions
	grace    time.Duration // see cancelGrace
	patience patience
	stop     context.CancelFunc // ends the guard
}

// Connect dials once and, if config is not nil, agrees on TLS. The daemon has not
// answered yet: Version asks it. Errors of dial are returned as they are; others
// are *TLSError or *LostError.
func Connect(ctx context.Context, dial Dial, config *tls.Config) (*Daemon, error) {
	return connect(ctx, dial, config, patience{ask: askAfter, suspect: suspectAfter, dead: deadAfter})
}

func connect(ctx context.Context, dial Dial, config *tls.Config, patience patience) (*Daemon, error) {
	dialed, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	l, g := newLink(), &linkStats{Conn: dialed}
	conn, err := agree(ctx, g, config, l)
	if err != nil {
		return nil, err
	}
	d := &Daemon{
		conn: dialed, link: l, stats: g, sessions: sessions{servers: map[string]*grpc.Server{}},
		grace: cancelGrace, patience: patience,
	}
	d.client, err = client.New(ctx, daemonAddress,
		client.WithContextDialer(once(newEagerConn(conn), l)),
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

// Open is Connect for another program's client: the connection is to a daemon that
// has accepted this side, and carries HTTP/2.
func Open(ctx context.Context, dial Dial, config *tls.Config) (net.Conn, error) {
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	return agree(ctx, &linkStats{Conn: conn}, config, newLink())
}

// agree watches the connection, and agrees on TLS if config is not nil.
func agree(ctx context.Context, g *linkStats, config *tls.Config, l *link) (net.Conn, error) {
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

// Client is BuildKit's own client on this connection.
func (d *Daemon) Client() *client.Client {
	return d.client
}

// Ask lets question use BuildKit's own client, and says why it failed in the types
// of this package, as the other methods do.
func (d *Daemon) Ask(ctx context.Context, question func(*client.Client) error) error {
	return d.callError(ctx, question(d.client))
}

// Close ends the connection, and every call on it.
func (d *Daemon) Close() error {
	d.stop()
	d.link.close()
	return d.client.Close()
}

// hangUp is Close for a connection that may take no more bytes: it does not wait until
// the last ones are sent.
func (d *Daemon) hangUp() {
	d.link.close()
	_ = d.conn.Close()
	_ = d.Close()
}

// handshake is done here and not by gRPC, whose errors are text. With TLS 1.3 the
// daemon looks at the client's certificate only after it: a refusal ends the
// first call.
func handshake(ctx context.Context, conn net.Conn, config *tls.Config, l *link) (net.Conn, error) {
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
	case l.failure() != nil && !refusal(err):
		return nil, &LostError{Cause: ended(l.failure())}
	}
	return nil, &TLSError{Cause: err}
}

// eagerConn spares gRPC a round trip. Its client sends no call before it has read
// the server's SETTINGS, which say nothing that the first calls depend on; so it
// reads empty ones here, and the server's own as an update whenever they come. The
// server gets one acknowledgement more than it asked for, which gRPC's ignores.
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

// once hands the connection to gRPC the first time, and after that the reason
// why there is none.
func once(conn net.Conn, l *link) func(context.Context, string) (net.Conn, error) {
	var used atomic.Bool
	return func(context.Context, string) (net.Conn, error) {
		if used.CompareAndSwap(false, true) {
			return conn, nil
		}
		if err := l.failure(); err != nil {
			return nil, err
		}
		return nil, errors.New("the connection has ended")
	}
}
