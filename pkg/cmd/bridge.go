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

	mu    sync.Mutex
	route *route // nil before a member is known
}

// bridgeTo connects once, so that a builder which does not answer is an error before anybody is let in. The version is
// the daemon's.
func (f *factory) bridgeTo(ctx context.Context, o connectOptions) (b *bridge, version string, err error) {
	b = &bridge{f: f, o: o, affinity: affinityOf(".")}
	version, err = seek(ctx, search{within: startPatience}, f.tellUnreachable, b.try)
	return b, version, err
}

// try finds a member that answers.
func (b *bridge) try(ctx context.Context) (version string, err error) {
	first, err := b.f.connect(ctx, b.o, b.affinity)
	if err != nil {
		return "", err
	}
	defer first.close()
	if version, err = first.daemon.Version(ctx); err != nil {
		return "", b.f.explainLoss(ctx, first, err)
	}
	b.know(first.member, first.connection)
	return version, nil
}

// know makes this the member in use, with the route to it.
func (b *bridge) know(member cluster.Member, connection *cluster.Connection) *route {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.route == nil || !b.route.same(member) {
		b.route = newRoute(member, connection)
	}
	return b.route
}

// current is the route to the member in use, nil if there is none that a client could take.
func (b *bridge) current() *route {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.route == nil || b.route.leaving || b.route.ended() {
		return nil
	}
	return b.route
}

// dial opens a connection to the member in use; where that fails it looks again which members there are, for a while:
// they come and go, and get new certificates.
func (b *bridge) dial(ctx context.Context) (net.Conn, error) {
	if route := b.current(); route != nil {
		if conn, err := b.open(ctx, nil, route); err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
	return seek(ctx, search{within: startPatience, found: true}, nil, b.look)
}

// look finds a member and opens a connection to it, which may be dialed ahead.
func (b *bridge) look(ctx context.Context) (net.Conn, error) {
	return reach(ctx, b.f, b.o, b.affinity, func(r *reached) (net.Conn, error) {
		return b.open(ctx, r.guess, b.know(r.member, r.connection))
	})
}

func (b *bridge) open(ctx context.Context, guess *ahead, route *route) (net.Conn, error) {
	tunnels, err := b.f.dialer(tunnel.Transport(b.o.transport))
	if err != nil {
		return nil, err
	}
	dial, config, err := b.f.wayTo(tunnels, guess, route.member, route.connection)
	if err != nil {
		return nil, err
	}
	conn, err := solve.Open(ctx, dial, config)
	if err != nil {
		return nil, err
	}
	b.watch(ctx, route)
	return route.carry(conn), nil
}

// explain asks the cluster why a connection was lost, unless that is known.
func (b *bridge) explain(ctx context.Context, err error) error {
	var stranded *strandedError
	if !errors.As(err, &stranded) {
		return err
	}
	return b.f.explainLoss(ctx, &connected{member: stranded.member}, lossOf(stranded.err))
}

// lossOf makes a loss of what joining a connection to the builder ended with.
func lossOf(err error) error {
	var (
		lost    *tunnel.LostError
		refused *tunnel.RefusedError
		already *solve.LostError
	)
	if errors.As(err, &already) || !errors.As(err, &lost) && !errors.As(err, &refused) {
		return err
	}
	return &solve.LostError{Cause: err}
}

// report tells of one connection; the others go on.
func (b *bridge) report(ctx context.Context, number int, err error) {
	told := explainOne(b.explain(ctx, err))
	b.f.printFailure(fmt.Sprintf("connection %d: ", number), told)
}
