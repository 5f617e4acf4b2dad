package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// bridge opens connections to a builder for clients that are not ours. All of them lead to one member as long as that
// is up: a client may ask over one connection for what it did over another.
type bridge struct {
	f        *factory
	o        connectOptions
	affinity string

	mu         sync.Mutex
	known      bool
	member     cluster.Member
	connection *cluster.Connection
}

// bridgeTo connects once, so that a builder which does not answer is an error before anybody is let in. The version is
// the daemon's.
func (f *factory) bridgeTo(ctx context.Context, o connectOptions) (b *bridge, version string, err error) {
	b = &bridge{f: f, o: o, affinity: affinityOf(".")}
	first, err := f.connect(ctx, o, b.affinity)
	if err != nil {
		return nil, "", err
	}
	defer first.close()
	if version, err = first.daemon.Version(ctx); err != nil {
		return nil, "", f.explainLoss(ctx, first, err)
	}
	b.know(first.member, first.connection)
	return b, version, nil
}

func (b *bridge) know(member cluster.Member, connection *cluster.Connection) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known, b.member, b.connection = true, member, connection
}

// current is the member in use.
func (b *bridge) current() (member cluster.Member, connection *cluster.Connection, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.member, b.connection, b.known
}

// dial opens a connection to the member in use; where that fails it looks again which members there are: they come and
// go, and get new certificates.
func (b *bridge) dial(ctx context.Context) (net.Conn, error) {
	if member, connection, known := b.current(); known {
		if conn, err := b.open(ctx, nil, member, connection); err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
	return b.look(ctx)
}

// look finds a member and opens a connection to it, which may be dialed ahead.
func (b *bridge) look(ctx context.Context) (net.Conn, error) {
	c, err := b.f.cluster()
	if err != nil {
		return nil, err
	}
	tunnels, err := b.f.dialer(tunnel.Transport(b.o.transport))
	if err != nil {
		return nil, err
	}
	guess := dialAhead(ctx, tunnels, c.Namespace(), b.o.builder)
	defer guess.discard()
	member, connection, err := c.Resolve(ctx, b.o.builder, b.affinity)
	if err != nil {
		return nil, err
	}
	conn, err := b.open(ctx, guess, member, connection)
	if err == nil {
		b.know(member, connection)
	}
	return conn, err
}

func (b *bridge) open(ctx context.Context, guess *ahead, member cluster.Member, connection *cluster.Connection) (net.Conn, error) {
	tunnels, err := b.f.dialer(tunnel.Transport(b.o.transport))
	if err != nil {
		return nil, err
	}
	dial, config, err := wayTo(tunnels, guess, member, connection)
	if err != nil {
		return nil, err
	}
	return solve.Open(ctx, dial, config)
}

// explain asks the cluster why a connection to the member in use was lost. The next connection looks which members
// there are.
func (b *bridge) explain(ctx context.Context, err error) error {
	b.mu.Lock()
	b.known = false
	member := b.member
	b.mu.Unlock()
	return b.f.explainLoss(ctx, &connected{member: member}, lossOf(err))
}

// lossOf makes a loss of what joining a connection to the builder ended with; what did not even connect is none.
func lossOf(err error) error {
	var (
		lost    *tunnel.LostError
		already *solve.LostError
	)
	if errors.As(err, &lost) && !errors.As(err, &already) {
		return &solve.LostError{Cause: err}
	}
	return err
}

// report tells of one connection; the others go on.
func (b *bridge) report(ctx context.Context, number int, err error) {
	told := explainOne(b.explain(ctx, err))
	text := fmt.Sprintf("connection %d: %s\n", number, told.text)
	if told.next != "" {
		text += "next:  " + told.next + "\n"
	}
	fmt.Fprint(b.f.streams.ErrOut, text)
}
