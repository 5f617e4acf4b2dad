package solve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/grpchijack"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

// TestMain silences the HTTP/2 server of BuildKit's session, which logs losses, and registers the
// compressor as the program's main does.
func TestMain(m *testing.M) {
	upload.RegisterCompressor()
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// fakeDaemon is a daemon whose answers a test decides.
type fakeDaemon struct {
	controlapi.UnimplementedControlServer
	solve    func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error)
	statuses []*controlapi.StatusResponse
	telling  chan struct{} // if not nil, one token for each solve whose statuses may be sent
	old      bool          // knows no Info
	version  string        // "" is v9.8.7
	listen   func(controlapi.Control_ListenBuildHistoryServer) error
	listened atomic.Pointer[controlapi.BuildHistoryRequest]
	queue    *fakeQueue // if not nil, it answers solves and lists them

	address  string
	sessions *session.Manager

	mu            sync.Mutex
	begun, solved map[string]chan struct{} // closed when it has, by the reference of the solve
}

// start makes the daemon listen. Without certificates it speaks no TLS.
func (f *fakeDaemon) start(t *testing.T, config *tls.Config) *fakeDaemon {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	options := []grpc.ServerOption{
		grpc.UnaryInterceptor(grpcerrors.UnaryServerInterceptor), grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor),
	}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	if f.sessions, err = session.NewManager(); err != nil {
		t.Fatal(err)
	}
	f.address, f.solved = listener.Addr().String(), map[string]chan struct{}{}
	f.begun = map[string]chan struct{}{}
	server := grpc.NewServer(options...)
	controlapi.RegisterControlServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return f
}

// connect opens a connection to the daemon; wrap may be nil.
func (f *fakeDaemon) connect(t *testing.T, config *tls.Config, wrap func(net.Conn) net.Conn) (*Daemon, error) {
	t.Helper()
	var dials atomic.Int32
	d, err := Connect(t.Context(), func(ctx context.Context) (net.Conn, error) {
		if dials.Add(1) > 1 {
			t.Error("a second connection was opened: it would not know the session")
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", f.address)
		if err == nil && wrap != nil {
			conn = wrap(conn)
		}
		return conn, err
	}, config)
	if err == nil {
		t.Cleanup(func() { _ = d.Close() })
	}
	return d, err
}

func (f *fakeDaemon) mustConnect(t *testing.T) *Daemon {
	t.Helper()
	d, err := f.connect(t, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (f *fakeDaemon) Solve(ctx context.Context, req *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
	close(f.when(f.begun, req.Ref))
	defer close(f.when(f.solved, req.Ref))
	if f.queue != nil {
		return f.queue.solve(ctx, req)
	}
	return f.solve(ctx, req)
}

// when returns the channel for the solve of that reference.
func (f *fakeDaemon) when(channels map[string]chan struct{}, ref string) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if channels[ref] == nil {
		channels[ref] = make(chan struct{})
	}
	return channels[ref]
}

func (f *fakeDaemon) Status(req *controlapi.StatusRequest, stream controlapi.Control_StatusServer) error {
	select {
	case <-f.when(f.begun, req.Ref):
	case <-stream.Context().Done():
	}
	if f.telling != nil {
		select {
		case <-f.telling:
		case <-stream.Context().Done():
		}
	}
	for _, status := range f.statuses {
		if err := stream.Send(status); err != nil {
			return err
		}
	}
	select {
	case <-f.when(f.solved, req.Ref):
	case <-stream.Context().Done():
	}
	return nil
}

// Session serves the client's session as a daemon does, so that Solve can use it.
func (f *fakeDaemon) Session(stream controlapi.Control_SessionServer) error {
	conn, closed, opts := grpchijack.Hijack(stream)
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(stream.Context())
	go func() {
		<-closed
		cancel()
	}()
	return f.sessions.HandleConn(ctx, conn, opts)
}

// send writes a file to the client's first output.
func (f *fakeDaemon) send(ctx context.Context, id, text string) error {
	caller, err := f.sessions.Get(ctx, id, false)
	if err != nil {
		return err
	}
	writer, err := filesync.CopyFileWriter(ctx, nil, 0, caller)
	if err != nil {
		return err
	}
	_, err = io.WriteString(writer, text)
	return errors.Join(err, writer.Close())
}

func (f *fakeDaemon) ListenBuildHistory(req *controlapi.BuildHistoryRequest, stream controlapi.Control_ListenBuildHistoryServer) error {
	f.listened.Store(req)
	if f.queue != nil {
		return f.queue.listen(req, stream)
	}
	return f.listen(stream)
}

func (f *fakeDaemon) Info(ctx context.Context, req *controlapi.InfoRequest) (*controlapi.InfoResponse, error) {
	if f.old {
		return f.UnimplementedControlServer.Info(ctx, req)
	}
	version := f.version
	if version == "" {
		version = "v9.8.7"
	}
	return &controlapi.InfoResponse{BuildkitVersion: &apitypes.BuildkitVersion{Version: version, Revision: "abc"}}, nil
}

func (f *fakeDaemon) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	return &controlapi.ListWorkersResponse{Record: []*apitypes.WorkerRecord{{
		ID: "w", GCPolicy: []*apitypes.GCPolicy{{All: true, KeepDuration: int64(time.Minute), MaxUsedSpace: 10, ReservedSpace: 3, MinFreeSpace: 4}},
	}}}, nil
}

func (f *fakeDaemon) DiskUsage(context.Context, *controlapi.DiskUsageRequest) (*controlapi.DiskUsageResponse, error) {
	return &controlapi.DiskUsageResponse{Record: []*controlapi.UsageRecord{{Size: 5, InUse: true}, {Size: 7}}}, nil
}

// authority signs certificates for one name.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.issue(t, template, template, a.key)
	return a
}

func (a *authority) issue(t *testing.T, template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (a *authority) certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key := newKey(t)
	cert := a.issue(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name},
	}, a.cert, key)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
