// Package tunnel makes a net.Conn to a port (or a command) in a Pod, through the API server.
// Nothing listens on the user's machine.
//
// It must not know builders: a Target has all it needs. It implements SPDY itself, with the codec
// of moby/spdystream, instead of using client-go's port-forward: a dial then honors its context and
// requests both streams without waiting for the replies (two round trips less), a frame is one
// write, and Close never blocks.
package tunnel

import (
	"context"
	"fmt"
	"net"

	"k8s.io/client-go/rest"
)

// Transport is the protocol to the Pod through the API server.
type Transport string

// The transports.
const (
	// Auto is WebSocket, or SPDY if the server or a proxy does not support WebSocket.
	Auto Transport = "auto"
	// WebSocket is port-forward, SPDY tunnelled in WebSocket.
	WebSocket Transport = "websocket"
	// SPDY is port-forward over plain SPDY.
	SPDY Transport = "spdy"
	// Exec runs Target.Command in the container and uses its standard input and output.
	Exec Transport = "exec"
)

// Transports returns all transports, in the order of a help text.
func Transports() []Transport { return []Transport{Auto, WebSocket, SPDY, Exec} }

// Target is where a tunnel ends.
type Target struct {
	Namespace, Pod string
	// Builder is the one that the Pod belongs to, for errors; it may be empty.
	Builder string
	// Port is for port-forward.
	Port int
	// Container and Command are for Exec.
	Container string
	Command   []string
}

// Dialer opens tunnels; it holds no connection, so several goroutines may use it at once.
type Dialer struct {
	Config    *rest.Config
	Transport Transport
}

// Dial opens a tunnel. The context is for the dial only: the connection outlives it.
//
// Dial does not notice a port at which no process listens: the first Read returns a
// *ConnRefusedError. After a connection has ended without a call of Close, Read and Write return a
// *LostError, never a bare io.EOF.
func (d Dialer) Dial(ctx context.Context, target Target) (net.Conn, error) {
	type dialed struct {
		conn net.Conn
		err  error
	}
	results := make(chan dialed)
	go func() {
		var result dialed
		result.conn, result.err = d.dial(ctx, target)
		select {
		case results <- result:
		case <-ctx.Done():
			// A late connection is closed.
			if result.conn != nil {
				_ = result.conn.Close()
			}
		}
	}()
	select {
	case result := <-results:
		return result.conn, result.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (d Dialer) dial(ctx context.Context, target Target) (net.Conn, error) {
	switch d.Transport {
	case Auto, WebSocket, SPDY, "":
		link, err := d.upgrade(ctx, target)
		if err != nil {
			return nil, d.failure(target, "pods/portforward", err)
		}
		return forward(link, target)
	case Exec:
		conn, err := d.exec(ctx, target)
		if err != nil {
			return nil, d.failure(target, "pods/exec", err)
		}
		return conn, nil
	default:
		return nil, fmt.Errorf("unknown transport %q", d.Transport)
	}
}
