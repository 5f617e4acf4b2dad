package proxy_test

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/proxy"
)

func listen(t *testing.T, path string) *proxy.Socket {
	t.Helper()
	socket, err := proxy.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return socket
}

// The error of a refused connection is another on Windows.
func TestSocketReplacesAStaleOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	_ = stale.Close()
	dialedOnce := make(chan struct{})
	socket := listen(t, path)
	go func() {
		if conn, err := socket.Accept(); err == nil {
			_ = conn.Close()
		}
		close(dialedOnce)
	}()
	dialed(t, path)
	within(t, "the dial", dialedOnce)
}
