package tunnel_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

func portForwards() []tunnel.Transport { return []tunnel.Transport{tunnel.WebSocket, tunnel.SPDY} }

func TestFallsBackToSPDY(t *testing.T) {
	refusals := map[string]http.HandlerFunc{
		"not found": func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"bad request": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "Upgrade request required", http.StatusBadRequest)
		},
		"bad gateway": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) },
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
		if !apierrors.IsNotFound(err) || server.requests.Load() != 1 {
			t.Errorf("not found: %t, after %d requests; an answer about the Pod is final", apierrors.IsNotFound(err), server.requests.Load())
		}
	})
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
