package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/proxy"
)

// far is a connection that echoes, until it is lost.
type far struct {
	net.Conn
	lost error
}

func (f *far) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if errors.Is(err, io.EOF) && f.lost != nil {
		err = f.lost
	}
	return n, err
}

// echo is the far end of a connection; stop ends it as the other side would.
func echo(lost error) (conn net.Conn, stop func()) {
	near, other := net.Pipe()
	go func() { _, _ = io.Copy(other, other) }()
	return &far{Conn: near, lost: lost}, func() { _ = other.Close() }
}

func within[T any](t *testing.T, what string, channel <-chan T) T {
	t.Helper()
	select {
	case value := <-channel:
		return value
	case <-time.After(10 * time.Second):
		t.Fatal("no end of", what)
		panic("unreachable")
	}
}

func TestJoin(t *testing.T) {
	loss := errors.New("the node is gone")
	ended := fmt.Errorf("the Pod closed the connection: %w", io.EOF) // as a tunnel tells of a daemon that was killed
	for name, test := range map[string]struct {
		lost error
		end  func(client io.Closer, stopFar func())
		want error
	}{
		"the client leaves":     {loss, func(client io.Closer, _ func()) { _ = client.Close() }, nil},
		"the far end closes":    {nil, func(_ io.Closer, stop func()) { stop() }, nil},
		"the far end is lost":   {loss, func(_ io.Closer, stop func()) { stop() }, loss},
		"the far end breaks":    {ended, func(_ io.Closer, stop func()) { stop() }, ended},
		"both at the same time": {nil, func(client io.Closer, stop func()) { _ = client.Close(); stop() }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			client, near := net.Pipe()
			conn, stop := echo(test.lost)
			joined := make(chan error, 1)
			go func() { joined <- proxy.Join(near, conn) }()
			message := strings.Repeat("hello ", 50_000)
			go func() { _, _ = io.WriteString(client, message) }()
			got := make([]byte, len(message))
			if _, err := io.ReadFull(client, got); err != nil || string(got) != message {
				t.Fatalf("the echo is another: %v", err)
			}
			test.end(client, stop)
			if err := within(t, "joining", joined); !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if _, err := client.Read(make([]byte, 1)); err == nil {
				t.Error("the client's end is still open")
			}
		})
	}
}

// A server whose second connection is lost, and whose third cannot be opened.
func TestServerKeepsConnectionsApart(t *testing.T) {
	socket, err := proxy.Listen(t.TempDir() + "/s")
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu      sync.Mutex
		stops   []func()
		reports = make(chan string, 10)
	)
	server := &proxy.Server{
		Dial: func(context.Context) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if len(stops) == 2 {
				return nil, errors.New("no builder")
			}
			conn, stop := echo(errors.New("lost"))
			stops = append(stops, stop)
			return conn, nil
		},
		Report: func(number int, err error) { reports <- strings.Repeat("#", number) + " " + err.Error() },
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, socket) }()

	first := dialed(t, socket.Path)
	talk(t, first)
	second := dialed(t, socket.Path)
	talk(t, second)
	mu.Lock()
	stops[1]()
	mu.Unlock()
	if got := within(t, "the second", reports); got != "## lost" {
		t.Errorf("told %q", got)
	}
	if _, err := second.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the second client reads %v", err)
	}
	third := dialed(t, socket.Path)
	if got := within(t, "the third", reports); got != "### no builder" {
		t.Errorf("told %q", got)
	}
	if _, err := third.Read(make([]byte, 1)); err == nil {
		t.Error("the third client's connection is open")
	}
	talk(t, first)
	cancel()
	if err := within(t, "serving", served); err != nil {
		t.Error(err)
	}
	if _, err := first.Read(make([]byte, 1)); err == nil {
		t.Error("the first client's connection outlives the server")
	}
	if len(reports) != 0 {
		t.Errorf("told more: %q", <-reports)
	}
}

func dialed(t *testing.T, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

func talk(t *testing.T, conn net.Conn) {
	t.Helper()
	want := []byte("are you there?")
	if _, err := conn.Write(want); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %q, %v", got, err)
	}
}
