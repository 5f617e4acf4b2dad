// Package tunnel makes a net.Conn to a port (or a command) in a Pod, through the API server. Nothing listens on the
// user's machine.
//
// It knows nothing of builders: a Target says all.
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"

	"k8s.io/client-go/rest"
)

// Transport is the way through the API server.
type Transport string

// The transports.
const (
	// Auto is WebSocket, or SPDY where the server or a proxy does not carry WebSocket.
	Auto Transport = "auto"
	// WebSocket is port-forward, SPDY tunnelled in WebSocket.
	WebSocket Transport = "websocket"
	// SPDY is port-forward over plain SPDY.
	SPDY Transport = "spdy"
	// Exec runs Target.Command in the container and speaks over its standard input and output.
	Exec Transport = "exec"
)

// Target is where a tunnel ends.
type Target struct {
	Namespace, Pod string
	// Port is for port-forward.
	Port int
	// Container and Command are for Exec.
	Container string
	Command   []string
}

// Dialer makes tunnels; it holds no connection, so it may be used at once from several goroutines.
type Dialer struct {
	Config    *rest.Config
	Transport Transport
}

// Dial opens a tunnel. The context is for the dial only: the connection outlives it.
func (d Dialer) Dial(ctx context.Context, target Target) (net.Conn, error) {
	return nil, errors.New("not implemented")
}

// LostError says that an open tunnel ended without being closed from here.
type LostError struct {
	Namespace, Pod string
	// Reason is what the cluster said last, or how the connection ended.
	Reason string
	Err    error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("connection to Pod %q in namespace %q lost: %s", e.Pod, e.Namespace, e.Reason)
}

func (e *LostError) Unwrap() error { return e.Err }

// RefusedError says that the Pod was reached, but nothing listens there (yet).
type RefusedError struct {
	Namespace, Pod string
	Port           int
	// Reason is the node's own words.
	Reason string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("port %d of Pod %q in namespace %q refuses connections", e.Port, e.Pod, e.Namespace)
}

// DialError says that no tunnel could be opened.
type DialError struct {
	Namespace, Pod string
	Transport      Transport
	Err            error
}

func (e *DialError) Error() string {
	return fmt.Sprintf("opening a tunnel to Pod %q in namespace %q: %v", e.Pod, e.Namespace, e.Err)
}

func (e *DialError) Unwrap() error { return e.Err }

// ForbiddenError says that this way into the Pod is not permitted.
type ForbiddenError struct {
	Namespace, Pod string
	// Verb and Resource are the permission that lacks, e.g. "create" on "pods/portforward".
	Verb, Resource string
	Err            error
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("not permitted to %s %s of Pod %q in namespace %q", e.Verb, e.Resource, e.Pod, e.Namespace)
}

func (e *ForbiddenError) Unwrap() error { return e.Err }
