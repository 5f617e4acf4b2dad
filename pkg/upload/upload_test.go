package upload

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/upload"
	"github.com/moby/buildkit/session/upload/uploadprovider"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/metadata"
)

// countedConn counts what the client sends.
type countedConn struct {
	net.Conn
	sent *atomic.Int64
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

type countingListener struct {
	net.Listener
	sent atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return countedConn{conn, &l.sent}, err
}

// serve serves a solve's directories and archives, and returns the daemon's end of the session.
func serve(t *testing.T, opt *client.SolveOpt, mode Mode, link Link) (*grpc.ClientConn, *atomic.Int64) {
	t.Helper()
	if _, err := Serve(opt, Options{Compress: mode}, link); err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	for _, attachable := range opt.Session {
		attachable.Register(server)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counting := &countingListener{Listener: plain}
	go func() { _ = server.Serve(counting) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(plain.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, &counting.sent
}

// receive takes the directory NAME as a daemon does.
func receive(t *testing.T, conn *grpc.ClientConn, name, into string, options ...grpc.CallOption) {
	t.Helper()
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("dir-name", name))
	call, err := filesync.NewFileSyncClient(conn).DiffCopy(ctx, options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := fsutil.Receive(ctx, call, into, fsutil.ReceiveOpt{}); err != nil {
		t.Fatal(err)
	}
}

func mount(t *testing.T, files map[string][]byte) *client.SolveOpt {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mounted, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &client.SolveOpt{LocalMounts: map[string]fsutil.FS{"context": mounted}}
}

// Whatever is decided, the same files arrive; what goes over the wire is what was decided.
func TestDirectories(t *testing.T) {
	const size = 1 << 20
	farAway, near := &fakeLink{roundTrip: 80 * time.Millisecond}, &fakeLink{roundTrip: time.Millisecond}
	for name, test := range map[string]struct {
		mode    Mode
		link    Link
		data    []byte
		options []grpc.CallOption
		most    int64 // bytes on the wire
		least   int64
	}{
		"far, text":   {Auto, farAway, text(size), nil, size / 3, 1},
		"far, noise":  {Auto, farAway, noise(size), nil, size + size/50, size},
		"near, text":  {Auto, near, text(size), nil, size + size/50, size},
		"always":      {Always, near, text(size), nil, size / 3, 1},
		"never":       {Never, farAway, text(size), nil, size + size/50, size},
		"not offered": {Always, farAway, text(size), []grpc.CallOption{experimental.AcceptCompressors(otherEncoding)}, size + size/50, size},
	} {
		t.Run(name, func(t *testing.T) {
			opt := mount(t, map[string][]byte{"big": test.data, "empty": nil, "small": []byte("a")})
			conn, sent := serve(t, opt, test.mode, test.link)
			into := t.TempDir()
			receive(t, conn, "context", into, test.options...)
			if got, err := os.ReadFile(filepath.Join(into, "big")); err != nil || !bytes.Equal(got, test.data) {
				t.Errorf("%d bytes arrived: %v", len(got), err)
			}
			if got := sent.Load(); got > test.most || got < test.least {
				t.Errorf("%d bytes were sent, want %d to %d", got, test.least, test.most)
			}
		})
	}
}

func TestArchive(t *testing.T) {
	data := text(1 << 20)
	uploads := uploadprovider.New()
	url := uploads.Add(io.NopCloser(bytes.NewReader(data)))
	opt := &client.SolveOpt{}
	opt.Session = append(opt.Session, uploads)
	conn, sent := serve(t, opt, Auto, &fakeLink{roundTrip: time.Second})
	call, err := upload.NewUploadClient(conn).Pull(metadata.NewOutgoingContext(t.Context(), metadata.Pairs("urlpath", filepath.Base(url))))
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for {
		message, err := call.Recv()
		if err == io.EOF { //nolint:errorlint // gRPC's own end
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, message.Data...)
	}
	if !bytes.Equal(got, data) || sent.Load() > int64(len(data)/3) {
		t.Errorf("%d bytes arrived, %d were sent", len(got), sent.Load())
	}
}

// No message of a file may be larger than the buffer that gRPC has for it, at either end.
func TestMessagesFitBuffers(t *testing.T) {
	const buffer = 32 << 10
	opt := mount(t, map[string][]byte{"big": noise(1 << 20)})
	conn, _ := serve(t, opt, Never, &fakeLink{})
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs(directoryName, "context"))
	call, err := filesync.NewFileSyncClient(conn).DiffCopy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	largest := 0
	if err := fsutil.Receive(ctx, sizing{call, &largest}, t.TempDir(), fsutil.ReceiveOpt{}); err != nil {
		t.Fatal(err)
	}
	if largest > buffer || largest < buffer*9/10 {
		t.Errorf("the largest message has %d bytes", largest)
	}
}

// sizing notes the size of the largest message received.
type sizing struct {
	filesync.FileSync_DiffCopyClient
	largest *int
}

func (s sizing) RecvMsg(message any) error {
	err := s.FileSync_DiffCopyClient.RecvMsg(message)
	if packet, ok := message.(*types.Packet); ok && err == nil {
		*s.largest = max(*s.largest, packet.Size())
	}
	return err
}

// A directory is asked for by several steps at once.
func TestDirectoriesInParallel(t *testing.T) {
	opt := mount(t, map[string][]byte{"a": text(100 << 10), "b": noise(100 << 10)})
	conn, _ := serve(t, opt, Auto, &fakeLink{roundTrip: time.Second})
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			receive(t, conn, "context", t.TempDir())
		}()
	}
	for range 4 {
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatal("no end")
		}
	}
}
