package tunnel_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// lifetime is a way from a dial to its end. The server is new, the context ends with the tunnel.
type lifetime func(t *testing.T, server *apiServer, open func(context.Context) (net.Conn, error))

// lifetimes are all ways in which a tunnel over port-forward ends.
func lifetimes() map[string]lifetime {
	opened := func(t *testing.T, open func(context.Context) (net.Conn, error)) net.Conn {
		conn, err := open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	return map[string]lifetime{
		"closed": func(t *testing.T, server *apiServer, open func(context.Context) (net.Conn, error)) {
			server.pod = echo(t)
			conn := opened(t, open)
			_, _ = io.WriteString(conn, "hello")
			_, _ = io.ReadFull(conn, make([]byte, 5))
			_ = conn.Close()
		},
		"closed with much unread": func(t *testing.T, server *apiServer, open func(context.Context) (net.Conn, error)) {
			server.pod = listen(t, func(conn net.Conn) { _, _ = io.Copy(conn, zeros{}) })
			conn := opened(t, open)
			_, _ = io.ReadFull(conn, make([]byte, 1))
			time.Sleep(50 * time.Millisecond)
			_ = conn.Close()
		},
		"closed with much unsent": func(t *testing.T, server *apiServer, open func(context.Context) (net.Conn, error)) {
			server.serve = func(_, data httpstream.Stream) { <-t.Context().Done(); _ = data.Reset() }
			conn := opened(t, open)
			_ = conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			_, _ = io.Copy(conn, zeros{})
			_ = conn.Close()
		},
		"cut, and never closed": func(t *testing.T, server *apiServer, open func(context.Context) (net.Conn, error)) {
			server.pod = echo(t)
			conn := opened(t, open)
			_, _ = io.WriteString(conn, "hello")
			_, _ = io.ReadFull(conn, make([]byte, 5))
			server.cut()
			_, _ = conn.Read(make([]byte, 1))
		},
		"nothing listens": func(t *testing.T, server *apiServer, open func(context.Context) (net.Conn, error)) {
			server.pod = "127.0.0.1:1"
			conn := opened(t, open)
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.Close()
		},
		"refused": func(t *testing.T, server *apiServer, open func(context.Context) (net.Conn, error)) {
			server.refuse = func(w http.ResponseWriter, _ *http.Request) { answer(w, 404, metav1.StatusReasonNotFound, "no") }
			if _, err := open(t.Context()); err == nil {
				t.Error("the dial was not refused")
			}
		},
		"given up while dialing": func(t *testing.T, server *apiServer, open func(context.Context) (net.Conn, error)) {
			server.refuse = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			if _, err := open(ctx); err == nil {
				t.Error("the dial has succeeded")
			}
		},
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestLeavesNoGoroutines waits for the end of all together: the fake's side of a connection takes a
// second for it. What is left is named by its stack.
func TestLeavesNoGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	for name, live := range lifetimes() {
		for _, transport := range portForwards() {
			t.Run(name+"/"+string(transport), func(t *testing.T) {
				for range 3 {
					server := newServer(t)
					live(t, server, func(ctx context.Context) (net.Conn, error) {
						return tunnel.Dialer{Config: server.config(), Transport: transport}.Dial(ctx, target())
					})
				}
			})
		}
	}
	settles(t, before)
}

// TestLeavesNoMemory proves that what a tunnel holds goes with it, also if it was never read.
func TestLeavesNoMemory(t *testing.T) {
	const tunnels, most = 20, 4 << 20
	unread := lifetimes()["closed with much unread"]
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			goroutines, before := runtime.NumGoroutine(), int64(0)
			cycle := func(times int) {
				t.Run("", func(t *testing.T) {
					for range times {
						server := newServer(t)
						unread(t, server, func(ctx context.Context) (net.Conn, error) {
							return tunnel.Dialer{Config: server.config(), Transport: transport}.Dial(ctx, target())
						})
					}
				})
				settles(t, goroutines)
			}
			cycle(2) // what is made once
			before = inUse()
			cycle(tunnels)
			if grown := inUse() - before; grown > most {
				t.Errorf("the heap has grown by %d bytes with %d tunnels", grown, tunnels)
			}
		})
	}
}

// inUse is how many bytes of the heap are.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what a pool held
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestHeartbeatsEnd waits for what settles has excused, now that the tests before have used most of
// the time.
func TestHeartbeatsEnd(t *testing.T) {
	if stacks := awaitGoroutines(0, func(stack string) bool { return !isHeartbeat(stack) }); stacks != "" {
		t.Errorf("heartbeats are left:\n%s", stacks)
	}
}

// settles waits until no more goroutines run than before. Heartbeats are not counted.
func settles(t *testing.T, before int) {
	t.Helper()
	if stacks := awaitGoroutines(before, isHeartbeat); stacks != "" {
		t.Errorf("more goroutines than before, which were %d:\n%s", before, stacks)
	}
}

// isHeartbeat reports whether the stack is that of client-go's heartbeat of an exec over WebSocket,
// which may learn of the end only with its next ping, after up to five seconds.
func isHeartbeat(stack string) bool {
	return strings.Contains(stack, "remotecommand.(*heartbeat).start")
}

// awaitGoroutines waits until no more goroutines run than so many, those not counted that are
// excused. It returns the stacks if that does not happen within ten seconds.
func awaitGoroutines(most int, excused func(stack string) bool) string {
	stacks := make([]byte, 1<<20)
	for range 1000 {
		all := strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n")
		if len(slices.DeleteFunc(all, excused)) <= most {
			return ""
		}
		time.Sleep(10 * time.Millisecond)
	}
	return string(stacks[:runtime.Stack(stacks, true)])
}
