package solve

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

func TestTLS(t *testing.T) {
	ours, other := newAuthority(t), newAuthority(t)
	daemon := (&fakeDaemon{}).start(t, &tls.Config{
		Certificates: []tls.Certificate{ours.certificate(t, daemonName)},
		ClientCAs:    ours.pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	})
	plain := (&fakeDaemon{}).start(t, nil)
	client := []tls.Certificate{ours.certificate(t, "client")}
	for name, test := range map[string]struct {
		to      *fakeDaemon
		config  *tls.Config
		refused bool
	}{
		"right":                   {daemon, &tls.Config{RootCAs: ours.pool(), Certificates: client}, false},
		"no client certificate":   {daemon, &tls.Config{RootCAs: ours.pool()}, true},
		"foreign certificate":     {daemon, &tls.Config{RootCAs: ours.pool(), Certificates: []tls.Certificate{other.certificate(t, "client")}}, true},
		"foreign daemon":          {daemon, &tls.Config{RootCAs: other.pool(), Certificates: client}, true},
		"another name":            {daemon, &tls.Config{RootCAs: ours.pool(), Certificates: client, ServerName: "registry"}, true},
		"a daemon without TLS":    {plain, &tls.Config{RootCAs: ours.pool(), Certificates: client}, true},
		"no TLS where there none": {plain, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			var version string
			d, err := test.to.connect(t, test.config, nil)
			if err == nil {
				version, err = d.Version(t.Context()) // a refusal of the client's certificate comes here
			}
			var refused *TLSError
			switch {
			case test.refused && !errors.As(err, &refused):
				t.Fatalf("got %v, want a TLSError", err)
			case !test.refused && (err != nil || version != "v9.8.7"):
				t.Errorf("got %q, %v", version, err)
			}
		})
	}
}

// TestCallBeforeSettings proves that the first call does not wait for anything of
// the daemon: it is on its way while the daemon has said nothing yet.
func TestCallBeforeSettings(t *testing.T) {
	near, far := net.Pipe()
	d, err := Connect(t.Context(), func(context.Context) (net.Conn, error) { return near, nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	defer func() { _ = far.Close() }() // first: gRPC waits five seconds for a peer that does not read its farewell
	go func() { _, _ = d.Version(t.Context()) }()
	framer := http2.NewFramer(io.Discard, far)
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(far, preface); err != nil {
		t.Fatal(err)
	}
	_ = far.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("no call came: %v", err)
		}
		if _, ok := frame.(*http2.HeadersFrame); ok {
			return
		}
	}
}

func TestDialError(t *testing.T) {
	want := errors.New("forbidden")
	_, err := Connect(t.Context(), func(context.Context) (net.Conn, error) { return nil, want }, nil)
	if !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

// TestOnce proves that gRPC, which dials again after a loss, is told why a
// second connection is refused.
func TestOnce(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _ = errors.Join(near.Close(), far.Close()) }()
	l := newConnState()
	dial := singleDial(near, l)
	if conn, err := dial(); conn != near || err != nil {
		t.Errorf("got %v, %v", conn, err)
	}
	if conn, err := dial(); conn != nil || err == nil {
		t.Errorf("got %v, %v", conn, err)
	}
	why := errors.New("evicted")
	l.recordError(why)
	if _, err := dial(); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

// A daemon that is closed at once may be closed before gRPC has taken the connection, or while it
// takes it. Either way the connection ends.
func TestCloseAtOnce(t *testing.T) {
	for range 200 {
		near, far := net.Pipe()
		d, err := Connect(t.Context(), func(context.Context) (net.Conn, error) { return near, nil }, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(far.SetReadDeadline(time.Now().Add(10*time.Second)), d.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, far); err != nil {
			t.Fatalf("the connection is open: %v", err)
		}
	}
}

// TestReadSaysWhy proves that the reader's reason is kept, though the writer failed first, and that
// a failed write does not wait for a reader that there is not.
func TestReadSaysWhy(t *testing.T) {
	for name, test := range map[string]struct {
		read  bool
		fails time.Duration // of the reader; 0 is never
		want  string
		takes time.Duration
	}{
		"a reader fails":       {true, 20 * time.Millisecond, "evicted", 20 * time.Millisecond},
		"a reader does not":    {true, 0, "broken pipe", readGrace},
		"nothing reads so far": {false, 0, "broken pipe", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				end := make(chan struct{})
				l := newConnState()
				conn := l.watch(&failingConn{end: end, read: errors.New("evicted"), write: errors.New("broken pipe")})
				var reader sync.WaitGroup
				if test.read {
					reader.Go(func() { _, _ = conn.Read(make([]byte, 1)) })
					synctest.Wait()
				}
				if test.fails > 0 {
					time.AfterFunc(test.fails, func() { close(end) })
				} else {
					defer reader.Wait()
					defer close(end)
				}
				began := time.Now()
				_, _ = conn.Write([]byte("x"))
				if got := l.firstError(); got == nil || got.Error() != test.want || time.Since(began) != test.takes {
					t.Errorf("got %v after %v", got, time.Since(began))
				}
			})
		})
	}
}

// failingConn fails each write, and a read at its end.
type failingConn struct {
	net.Conn
	end         chan struct{}
	read, write error
}

func (c *failingConn) Read([]byte) (int, error) {
	<-c.end
	return 0, c.read
}

func (c *failingConn) Write([]byte) (int, error) { return 0, c.write }

// brokenConn is a tunnel that ends with words of its own, once it is cut.
type brokenConn struct {
	net.Conn
	why error
	cut chan struct{}
}

// breaking returns what wraps a connection, and what cuts it.
func breaking(why error) (wrap func(net.Conn) net.Conn, cut func()) {
	closed := make(chan struct{})
	var open net.Conn
	wrap = func(conn net.Conn) net.Conn {
		open = conn
		return &brokenConn{Conn: conn, why: why, cut: closed}
	}
	return wrap, func() {
		close(closed)
		_ = open.Close()
	}
}

func (c *brokenConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	select {
	case <-c.cut:
		if err != nil {
			return n, c.why
		}
	default:
	}
	return n, err
}

// TestTunnelsWordsSurvive proves that what the tunnel says is not lost behind
// gRPC's "error reading from server: EOF".
func TestTunnelsWordsSurvive(t *testing.T) {
	want := errors.New("pod buildkitd was evicted")
	ours := newAuthority(t)
	for name, config := range map[string]*tls.Config{
		"plain": nil,
		"TLS":   {RootCAs: ours.pool()},
	} {
		t.Run(name, func(t *testing.T) {
			var server *tls.Config
			if config != nil {
				server = &tls.Config{Certificates: []tls.Certificate{ours.certificate(t, daemonName)}}
			}
			wrap, cut := breaking(want)
			d, err := (&fakeDaemon{}).start(t, server).connect(t, config, wrap)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Version(t.Context()); err != nil {
				t.Fatal(err)
			}
			cut()
			for range 2 { // the second call finds the connection broken, and must not dial
				_, err = d.Version(t.Context())
				var lost *LostError
				if !errors.As(err, &lost) || !errors.Is(err, want) {
					t.Errorf("got %v, want it lost because %q", err, want)
				}
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	want := errors.New("connection refused inside the Pod")
	for name, config := range map[string]*tls.Config{"plain": nil, "TLS": {}} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			defer func() { _ = far.Close() }()
			d, err := Connect(t.Context(), func(context.Context) (net.Conn, error) { return refusing{near, want}, nil }, config)
			if err == nil {
				_, err = d.Version(t.Context())
				_ = d.Close()
			}
			var lost *LostError
			if !errors.As(err, &lost) || !errors.Is(err, want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// refusing is a tunnel to a port where no process listens: it opens, and then fails.
type refusing struct {
	net.Conn
	why error
}

func (c refusing) Read([]byte) (int, error)    { return 0, c.why }
func (c refusing) Write(b []byte) (int, error) { return len(b), nil }

// TestSilentPeer proves that Connect ends with its context where the peer does not answer.
func TestSilentPeer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Connect(ctx, func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
	}, &tls.Config{})
	var canceled *CanceledError
	if !errors.As(err, &canceled) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
