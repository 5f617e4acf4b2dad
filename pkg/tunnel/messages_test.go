package tunnel_test

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	gwebsocket "github.com/gorilla/websocket"
	protocols "k8s.io/apimachinery/pkg/util/portforward"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// FuzzMessages is about an API server that upgrades a connection to WebSocket, for port-forward or
// for exec, and then sends anything at all: the dial or the first Read ends with a type, and
// nothing of the tunnel stays.
func FuzzMessages(f *testing.F) {
	binary := func(text string) string { return "\x82" + string(rune(len(text))) + text }
	const end = "\x88\x02\x03\xe8"
	for _, exec := range []bool{true, false} {
		for _, seed := range []string{
			"", end, binary(""), binary("\x01hello") + end, "\x81\x05hello" + end, "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
			binary("\x02connect: no such file or directory") + binary(`\x03{"status":"Failure","reason":"NonZeroExitCode"}`) + end,
			binary("\x03"+`{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"x"}]}}`) + end,
			binary("\x09nobody's") + "\x89\x01p" + "\x8a\x00" + binary("\x01a"), "\x02\x02\x01a" + "\x80\x01b" + binary("\xff\x01"),
			binary("\x80\x03\x00\x02\x00\x00\x00\x04\x00\x00\x00\x03") + binary("\x00\x00\x00\x03\x01\x00\x00\x01x") + end,
		} {
			f.Add(exec, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, exec bool, sent []byte) {
		before := runtime.NumGoroutine()
		t.Run("", func(t *testing.T) {
			protocol, transport := protocols.WebsocketsSPDYTunnelingPortForwardV1, tunnel.WebSocket
			if exec {
				protocol, transport = "v5.channel.k8s.io", tunnel.Exec
			}
			within(t, 10*time.Second, "the end", func() { endsWithAType(t, transport, sends(t, protocol, sent)) })
		})
		if !exec { // client-go's heartbeat of exec ends with its next ping
			settles(t, before)
		}
	})
}

// sends is a server that upgrades to the protocol, sends this and hangs up.
func sends(t *testing.T, protocol string, sent []byte) *apiServer {
	server := newServer(t)
	server.refuse = func(w http.ResponseWriter, r *http.Request) {
		upgrader := gwebsocket.Upgrader{Subprotocols: []string{protocol}}
		socket, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // SPDY, after the messages have ended the dial over WebSocket
		}
		_, _ = socket.UnderlyingConn().Write(sent)
		_ = socket.Close()
	}
	return server
}

// endsWithAType dials and reads to the end.
func endsWithAType(t *testing.T, transport tunnel.Transport, server *apiServer) {
	conn, err := tunnel.Dialer{Config: server.config(), Transport: transport}.Dial(t.Context(), target())
	if err == nil {
		_, err = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	var lost *tunnel.LostError
	var refused *tunnel.ConnRefusedError
	var dial *tunnel.DialError
	var command *tunnel.CommandNotFoundError
	if errors.As(err, &command) {
		return
	}
	if !errors.As(err, &lost) && !errors.As(err, &refused) && !errors.As(err, &dial) {
		t.Errorf("the end is %v", err)
	}
}
