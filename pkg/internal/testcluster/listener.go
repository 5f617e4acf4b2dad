package testcluster

import (
	"context"
	"errors"
	"net"
	"sync"
)

// listener accepts connections in memory, for a server in a bubble of testing/synctest. They are
// those of net.Pipe: gRPC's bufconn makes each with a timer that has run out, and under the race
// detector of Go 1.26 such a timer in a bubble ends the program now and then.
type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func newListener() *listener {
	return &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept returns net.ErrClosed once the listener is closed.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return address{} }

// dial is refused once the listener is closed.
func (l *listener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type address struct{}

func (address) Network() string { return "memory" }
func (address) String() string  { return "memory" }
