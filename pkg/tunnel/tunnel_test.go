package tunnel_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

func portForwards() []tunnel.Transport { return []tunnel.Transport{tunnel.WebSocket, tunnel.SPDY} }

func TestCarriesDataBothWays(t *testing.T) {
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			server.pod = echo(t)
			conn := dial(t, server, transport)
			for _, text := range []string{"hello", "again", ""} {
				if _, err := io.WriteString(conn, text); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(text))
				if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
					t.Fatalf("got %q, %v; want %q", got, err, text)
				}
			}
			if got := server.orders; len(got) != 2 || got[0] != "1error" && got[1] != "1error" {
				t.Errorf("streams asked for: %q; want the error stream first", got)
			}
		})
	}
}

// The server's last word in a conversation must not be lost when it hangs up right after.
func TestReadsEverythingBeforeTheEnd(t *testing.T) {
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			text := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
			server.pod = listen(t, func(conn net.Conn) { _, _ = conn.Write(text) })
			conn := dial(t, server, transport)
			got, err := io.ReadAll(conn)
			if !bytes.Equal(got, text) {
				t.Errorf("read %d bytes of %d", len(got), len(text))
			}
			if lost := (*tunnel.LostError)(nil); !errors.As(err, &lost) {
				t.Errorf("the end is %v; want a LostError", err)
			}
		})
	}
}

func TestFallsBackToSPDY(t *testing.T) {
	refusals := map[string]http.HandlerFunc{
		"not found":   func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"bad request": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Upgrade request required", 400) },
		"bad gateway": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", 502) },
		"forbidden get": func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 403, metav1.StatusReasonForbidden, `User "u" cannot get resource "pods/portforward"`)
		},
	}
	for name, refuse := range refusals {
		t.Run(name, func(t *testing.T) {
			server := newServer(t)
			server.pod, server.refuseWebSocket = echo(t), refuse
			conn := dial(t, server, tunnel.Auto)
			if _, err := io.WriteString(conn, "hello"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
			if server.spdys.Load() != 1 {
				t.Errorf("%d connections over SPDY; want 1", server.spdys.Load())
			}
			_, err := tunnel.Dialer{Config: server.config(), Transport: tunnel.WebSocket}.Dial(t.Context(), target())
			if err == nil {
				t.Error("WebSocket alone must not fall back")
			}
		})
	}
}

func TestPrefersWebSocket(t *testing.T) {
	server := newServer(t)
	server.pod = echo(t)
	dial(t, server, tunnel.Auto)
	if server.webSockets.Load() != 1 || server.spdys.Load() != 0 {
		t.Errorf("%d over WebSocket, %d over SPDY; want 1 and 0", server.webSockets.Load(), server.spdys.Load())
	}
}

func TestSaysThatNothingListens(t *testing.T) {
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			server.pod = "127.0.0.1:1"
			conn := dial(t, server, transport)
			_, err := conn.Read(make([]byte, 1))
			var refused *tunnel.RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v; want a RefusedError", err)
			}
			contains(t, refused.Reason, "connection refused")
			contains(t, err.Error(), `port 1234 of Pod "buildkitd"`)
			if _, err := conn.Write([]byte("x")); !errors.As(err, &refused) {
				t.Errorf("Write returns %v; want the same", err)
			}
		})
	}
}

func TestTypesTheServersAnswer(t *testing.T) {
	forbid := func(w http.ResponseWriter, r *http.Request) {
		verb := map[string]string{http.MethodGet: "get", http.MethodPost: "create"}[r.Method]
		answer(w, 403, metav1.StatusReasonForbidden, `pods "buildkitd" is forbidden: User "u" cannot `+verb+
			` resource "pods/portforward" in API group "" in the namespace "team"`)
	}
	for _, transport := range []tunnel.Transport{tunnel.Auto, tunnel.WebSocket, tunnel.SPDY, tunnel.Exec} {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			server.refuse = forbid
			_, err := tunnel.Dialer{Config: server.config(), Transport: transport}.Dial(t.Context(), target())
			var forbidden *tunnel.ForbiddenError
			if !errors.As(err, &forbidden) {
				t.Fatalf("got %v; want a ForbiddenError", err)
			}
			want := map[tunnel.Transport]string{tunnel.WebSocket: "get"}[transport]
			if want == "" {
				want = "create"
			}
			if forbidden.Verb != want {
				t.Errorf("the verb is %q; want %q", forbidden.Verb, want)
			}
		})
	}
	t.Run("no such Pod", func(t *testing.T) {
		server := newServer(t)
		server.refuse = func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 404, metav1.StatusReasonNotFound, `pods "buildkitd" not found`)
		}
		_, err := tunnel.Dialer{Config: server.config(), Transport: tunnel.Auto}.Dial(t.Context(), target())
		var dialError *tunnel.DialError
		if !errors.As(err, &dialError) {
			t.Fatalf("got %v; want a DialError", err)
		}
		contains(t, err.Error(), `pods "buildkitd" not found`)
	})
}

func TestSaysWhyItWasLost(t *testing.T) {
	cases := map[string]struct {
		serve func(*apiServer) func(errors, data httpstream.Stream)
		want  string
	}{
		"the node says why": {func(*apiServer) func(errors, data httpstream.Stream) {
			return func(errors, data httpstream.Stream) {
				_, _ = io.WriteString(errors, "container was killed")
				_ = data.Reset()
				_ = errors.Reset()
			}
		}, "container was killed"},
		"the node says why, late": {func(*apiServer) func(errors, data httpstream.Stream) {
			return func(errors, data httpstream.Stream) {
				_ = data.Close()
				time.Sleep(50 * time.Millisecond)
				_, _ = io.WriteString(errors, "network namespace is gone")
				_ = errors.Close()
			}
		}, "network namespace is gone"},
		"the Pod hangs up": {func(*apiServer) func(errors, data httpstream.Stream) {
			return func(errors, data httpstream.Stream) { _ = errors.Close(); _ = data.Close() }
		}, "the Pod closed the connection"},
		"the API server dies": {func(s *apiServer) func(errors, data httpstream.Stream) {
			return func(_, _ httpstream.Stream) { s.cut() }
		}, ""},
	}
	for name, test := range cases {
		for _, transport := range portForwards() {
			t.Run(name+"/"+string(transport), func(t *testing.T) {
				server := newServer(t)
				server.serve = test.serve(server)
				conn := dial(t, server, transport)
				within(t, 2*time.Second, "Read", func() {
					_, err := conn.Read(make([]byte, 1))
					var lost *tunnel.LostError
					if !errors.As(err, &lost) {
						t.Errorf("got %v; want a LostError", err)
						return
					}
					contains(t, lost.Reason, test.want)
				})
			})
		}
	}
}

func TestCloseUnblocksAtOnce(t *testing.T) {
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			block := make(chan struct{})
			// The node reads nothing, so that writes are stuck in the network.
			server.serve = func(_, _ httpstream.Stream) { <-block }
			defer close(block)
			conn := dial(t, server, transport)
			reads, writes := make(chan error, 1), make(chan error, 1)
			go func() { _, err := conn.Read(make([]byte, 1)); reads <- err }()
			go func() { _, err := conn.Write(make([]byte, 64<<20)); writes <- err }()
			time.Sleep(100 * time.Millisecond)
			within(t, 50*time.Millisecond, "Close and what it unblocks", func() {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
				for _, err := range []error{<-reads, <-writes} {
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("got %v; want net.ErrClosed", err)
					}
				}
			})
		})
	}
}

// What was written before Close still goes out on the wire; only the raw connection shows it, for a SPDY server drops
// what it has not passed on when its connection ends.
func TestCloseSendsWhatWasWritten(t *testing.T) {
	server := newServer(t)
	received := make(chan []byte, 1)
	server.refuse = func(w http.ResponseWriter, _ *http.Request) {
		link, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = link.Close() }()
		_, _ = io.WriteString(link, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
		text, _ := io.ReadAll(link)
		received <- text
	}
	conn := dial(t, server, tunnel.SPDY)
	large := bytes.Repeat([]byte("x"), 100<<10)
	for _, text := range [][]byte{large, []byte("goodbye")} {
		if _, err := conn.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.Close()
	select {
	case text := <-received:
		if !bytes.HasSuffix(text, []byte("goodbye")) || bytes.Count(text, []byte("x")) < len(large) {
			t.Errorf("%d bytes arrived, ending in %q", len(text), text[max(0, len(text)-20):])
		}
	case <-time.After(5 * time.Second):
		t.Error("the connection was not closed")
	}
}

func TestDeadlines(t *testing.T) {
	server := newServer(t)
	block := make(chan struct{})
	server.serve = func(_, _ httpstream.Stream) { <-block }
	defer close(block)
	conn := dial(t, server, tunnel.SPDY)

	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	within(t, 500*time.Millisecond, "Read", func() {
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	within(t, time.Second, "Write", func() {
		if _, err := conn.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	// A blocked Read notices a deadline that is set later, and a moved one lets it go on.
	_ = conn.SetReadDeadline(time.Time{})
	result := make(chan error, 1)
	go func() { _, err := conn.Read(make([]byte, 1)); result <- err }()
	select {
	case err := <-result:
		t.Errorf("Read returns %v without a deadline", err)
	case <-time.After(50 * time.Millisecond):
	}
	_ = conn.SetDeadline(time.Now())
	if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestLargeTransfer(t *testing.T) {
	const size = 24 << 20
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			server.pod = echo(t)
			conn := dial(t, server, transport)
			sent, got := sha256.New(), sha256.New()
			go func() {
				source := rand.NewChaCha8([32]byte{1})
				buffer := make([]byte, 100<<10)
				for left := size; left > 0; {
					piece := buffer[:min(left, 1+rand.IntN(len(buffer)))]
					_, _ = source.Read(piece)
					sent.Write(piece)
					if _, err := conn.Write(piece); err != nil {
						t.Errorf("writing: %v", err)
						return
					}
					left -= len(piece)
				}
			}()
			if _, err := io.CopyN(got, conn, size); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
				t.Error("what came back is not what was sent")
			}
		})
	}
}

func TestDialHonoursItsContext(t *testing.T) {
	for _, transport := range []tunnel.Transport{tunnel.Auto, tunnel.SPDY, tunnel.Exec} {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			release := make(chan struct{})
			server.refuse = func(http.ResponseWriter, *http.Request) { <-release }
			defer close(release)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			within(t, 500*time.Millisecond, "Dial", func() {
				_, err := tunnel.Dialer{Config: server.config(), Transport: transport}.Dial(ctx, target())
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestTheConnectionOutlivesTheDialsContext(t *testing.T) {
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			server.pod = echo(t)
			ctx, cancel := context.WithCancel(t.Context())
			conn, err := tunnel.Dialer{Config: server.config(), Transport: transport}.Dial(ctx, target())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			cancel()
			time.Sleep(20 * time.Millisecond)
			if _, err := io.WriteString(conn, "hello"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestLeavesNoGoroutines(t *testing.T) {
	server := newServer(t)
	server.pod = echo(t)
	for _, transport := range portForwards() {
		before := runtime.NumGoroutine()
		for range 5 {
			conn, err := tunnel.Dialer{Config: server.config(), Transport: transport}.Dial(t.Context(), target())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, "hello")
			_, _ = io.ReadFull(conn, make([]byte, 5))
			_ = conn.Close()
		}
		settles(t, before)
	}
}

// settles waits until no more goroutines run than before.
func settles(t *testing.T, before int) {
	t.Helper()
	for range 300 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 64<<10)
	t.Errorf("%d goroutines, before %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}
