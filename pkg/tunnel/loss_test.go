package tunnel_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"k8s.io/streaming/pkg/httpstream"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

func TestSaysThatNothingListens(t *testing.T) {
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			server.pod = "127.0.0.1:1"
			conn := dial(t, server, transport)
			_, err := conn.Read(make([]byte, 1))
			var refused *tunnel.ConnRefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v; want a ConnRefusedError", err)
			}
			contains(t, refused.Reason, "connection refused")
			contains(t, err.Error(), `port 1234 of Pod "buildkitd"`)
			if _, err := conn.Write([]byte("x")); !errors.As(err, &refused) {
				t.Errorf("Write returns %v; want the same", err)
			}
		})
	}
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
				within(t, 10*time.Second, "Read", func() {
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
