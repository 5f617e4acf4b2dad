package tunnel_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	gwebsocket "github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// command is what stands for a program in a container; its result is the exit code.
type command func(stdin io.Reader, stdout, stderr io.Writer) int

// execServer answers pods/exec as an API server does, over WebSocket or SPDY, and runs the command.
func execServer(t *testing.T, webSocket bool, run command) *apiServer {
	server := newServer(t)
	server.refuse = func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if !strings.HasSuffix(r.URL.Path, "/pods/buildkitd/exec") || query.Get("container") != "buildkitd" ||
			fmt.Sprint(query["command"]) != "[buildctl dial-stdio]" {
			answer(w, 404, metav1.StatusReasonNotFound, "wrong request: "+r.URL.String())
			return
		}
		switch {
		case gwebsocket.IsWebSocketUpgrade(r) && webSocket:
			execWebSocket(t, w, r, run)
		case gwebsocket.IsWebSocketUpgrade(r):
			http.Error(w, "no WebSocket here", http.StatusBadRequest)
		default:
			execSPDY(w, r, run)
		}
	}
	return server
}

// execWebSocket speaks v5.channel.k8s.io: the first byte of a message is its channel.
func execWebSocket(t *testing.T, w http.ResponseWriter, r *http.Request, run command) {
	upgrader := gwebsocket.Upgrader{Subprotocols: []string{"v5.channel.k8s.io"}}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = socket.Close() }()
	stdin, input := io.Pipe()
	defer func() { _ = stdin.Close() }()
	go func() {
		for {
			_, message, err := socket.ReadMessage()
			switch {
			case err != nil:
				_ = input.CloseWithError(err)
				return
			case bytes.Equal(message, []byte{255, 0}):
				_ = input.Close()
			case message[0] == 0:
				_, _ = input.Write(message[1:])
			}
		}
	}()
	var mu sync.Mutex
	channel := func(number byte) io.Writer { return &channelWriter{socket: socket, mu: &mu, number: number} }
	code := run(stdin, channel(1), channel(2))
	_, _ = channel(3).Write(execStatus(code))
	_ = socket.WriteControl(gwebsocket.CloseMessage, gwebsocket.FormatCloseMessage(gwebsocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
}

type channelWriter struct {
	socket *gwebsocket.Conn
	mu     *sync.Mutex
	number byte
}

func (c *channelWriter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(p), c.socket.WriteMessage(gwebsocket.BinaryMessage, append([]byte{c.number}, p...))
}

// execStatus is how the command's end is told.
func execStatus(code int) []byte {
	status := metav1.Status{Status: metav1.StatusSuccess}
	if code != 0 {
		status = metav1.Status{Status: metav1.StatusFailure, Reason: "NonZeroExitCode", Details: &metav1.StatusDetails{
			Causes: []metav1.StatusCause{{Type: "ExitCode", Message: fmt.Sprint(code)}},
		}}
	}
	text, err := json.Marshal(status)
	if err != nil {
		panic(err)
	}
	return text
}

// execSPDY speaks v4.channel.k8s.io: a stream each.
func execSPDY(w http.ResponseWriter, r *http.Request, run command) {
	if _, err := httpstream.Handshake(r, w, []string{"v4.channel.k8s.io"}); err != nil {
		return
	}
	streams := make(chan httpstream.Stream, 4)
	link := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(stream httpstream.Stream, replySent <-chan struct{}) error {
		go func() { <-replySent; streams <- stream }()
		return nil
	})
	if link == nil {
		return
	}
	defer func() { _ = link.Close() }()
	byKind := map[string]httpstream.Stream{}
	for range 4 {
		stream := <-streams
		byKind[stream.Headers().Get(corev1.StreamType)] = stream
	}
	code := run(byKind[corev1.StreamTypeStdin], byKind[corev1.StreamTypeStdout], byKind[corev1.StreamTypeStderr])
	_, _ = byKind[corev1.StreamTypeError].Write(execStatus(code))
	for _, stream := range byKind {
		_ = stream.Close()
	}
	select {
	case <-link.CloseChan():
	case <-time.After(5 * time.Second):
	}
}

func eachExec(t *testing.T, run command, test func(t *testing.T, server *apiServer)) {
	for name, webSocket := range map[string]bool{"websocket": true, "fallback to spdy": false} {
		t.Run(name, func(t *testing.T) { test(t, execServer(t, webSocket, run)) })
	}
}

func TestExecCarriesDataBothWays(t *testing.T) {
	cat := func(stdin io.Reader, stdout, _ io.Writer) int { _, _ = io.Copy(stdout, stdin); return 0 }
	eachExec(t, cat, func(t *testing.T, server *apiServer) {
		const size = 8 << 20
		conn := dial(t, server, tunnel.Exec)
		sent, got := sha256.New(), sha256.New()
		go func() {
			source := rand.NewChaCha8([32]byte{1})
			_, _ = io.CopyN(io.MultiWriter(sent, conn), source, size)
		}()
		if _, err := io.CopyN(got, conn, size); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
			t.Error("what came back is not what was sent")
		}
	})
}

func TestExecOutlivesTheDialsContext(t *testing.T) {
	cat := func(stdin io.Reader, stdout, _ io.Writer) int { _, _ = io.Copy(stdout, stdin); return 0 }
	eachExec(t, cat, func(t *testing.T, server *apiServer) {
		ctx, cancel := context.WithCancel(t.Context())
		conn, err := tunnel.Dialer{Config: server.config(), Transport: tunnel.Exec}.Dial(ctx, target())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		cancel()
		time.Sleep(50 * time.Millisecond)
		if _, err := io.WriteString(conn, "hello"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestExecSaysWhyItWasLost(t *testing.T) {
	complain := func(words string) command {
		return func(_ io.Reader, _, stderr io.Writer) int { _, _ = io.WriteString(stderr, words); return 1 }
	}
	eachExec(t, complain("container not found"), func(t *testing.T, server *apiServer) {
		_, err := dialAndRead(t, server)
		var lost *tunnel.LostError
		if !errors.As(err, &lost) || lost.Reason != "container not found" {
			t.Errorf("got %v; want a LostError with the command's words", err)
		}
	})
	eachExec(t, complain("dial unix /run/buildkit/buildkitd.sock: connect: no such file or directory"), func(t *testing.T, server *apiServer) {
		_, err := dialAndRead(t, server)
		var refused *tunnel.ConnRefusedError
		if !errors.As(err, &refused) || refused.Port != 0 {
			t.Errorf("got %v; want a ConnRefusedError of the socket", err)
		}
	})
}

// dialAndRead is an exec tunnel's first Read; a command that ends at once may end the dial already.
func dialAndRead(t *testing.T, server *apiServer) (int, error) {
	t.Helper()
	conn, err := tunnel.Dialer{Config: server.config(), Transport: tunnel.Exec}.Dial(t.Context(), target())
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	return conn.Read(make([]byte, 1))
}

func TestExecEndsItsCommandOnClose(t *testing.T) {
	ended := make(chan error, 2)
	wait := func(stdin io.Reader, _, _ io.Writer) int {
		_, err := io.Copy(io.Discard, stdin)
		ended <- err
		return 0
	}
	eachExec(t, wait, func(t *testing.T, server *apiServer) {
		before := runtime.NumGoroutine()
		conn := dial(t, server, tunnel.Exec)
		reads := make(chan error, 1)
		go func() { _, err := conn.Read(make([]byte, 1)); reads <- err }()
		within(t, 50*time.Millisecond, "Close and what it unblocks", func() {
			_ = conn.Close()
			if err := <-reads; !errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v; want net.ErrClosed", err)
			}
		})
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the command's input ended with %v; want a clean end", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("the command still runs")
		}
		settles(t, before)
	})
}

func TestExecLeavesNoGoroutines(t *testing.T) {
	cat := func(stdin io.Reader, stdout, _ io.Writer) int { _, _ = io.Copy(stdout, stdin); return 0 }
	flood := func(stdin io.Reader, stdout, _ io.Writer) int {
		_, _ = io.Copy(stdout, io.LimitReader(zeros{}, 4<<20))
		return 0
	}
	fail := func(_ io.Reader, _, stderr io.Writer) int { _, _ = io.WriteString(stderr, "no"); return 1 }
	before := runtime.NumGoroutine()
	for _, run := range []command{cat, flood, fail} {
		eachExec(t, run, func(t *testing.T, server *apiServer) {
			for range 3 {
				conn, err := tunnel.Dialer{Config: server.config(), Transport: tunnel.Exec}.Dial(t.Context(), target())
				if err != nil {
					continue // a command that fails at once may end the dial
				}
				_, _ = io.WriteString(conn, "hello")
				_, _ = conn.Read(make([]byte, 1))
				_ = conn.Close()
			}
		})
	}
	settles(t, before)
}
