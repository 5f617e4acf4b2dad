package driver

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/proxy"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// Relay opens connections to a builder for BuildKit clients that are not ours. All of them lead to
// one member as long as that is up: a client may ask over one connection for what it did over
// another.
type Relay struct {
	driver  *Driver
	options ConnectOptions

	mu     sync.Mutex
	target *target // nil before a member is known
}

// Relay returns a relay to the builder. Nothing is asked yet.
func (d *Driver) Relay(o ConnectOptions) *Relay {
	return &Relay{driver: d, options: o.withDefaults()}
}

// Probe connects once, so that a builder which does not answer is an error before any client is let
// in. It returns the member that answered, and the version of its daemon. The error is that of
// Connect, a *LostError, or a *solve.UnsupportedError.
func (r *Relay) Probe(ctx context.Context) (member cluster.Member, version string, err error) {
	version, err = retry(ctx, retryPolicy{within: startTimeout}, r.driver.noteUnreachable(startTimeout), func(ctx context.Context) (string, error) {
		c, err := r.driver.Connect(ctx, r.options)
		if err != nil {
			return "", err
		}
		defer func() { _ = c.Close() }()
		version, err := c.Daemon.Version(ctx)
		if err != nil {
			return "", r.driver.diagnose(ctx, c.Member, err)
		}
		member = c.Member
		r.know(c.Member, c.Certificates)
		return version, nil
	})
	return member, version, err
}

// Serve joins each connection to the socket with one to the builder, until ctx ends. What ends a
// connection other than in good order is passed to failed, with the number of the connection, and
// is an error of Dial or of Explain; the others go on. The error is that of accepting connections,
// and has no type.
func (r *Relay) Serve(ctx context.Context, socket *proxy.Socket, failed func(number int, err error)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if target := r.current(); target != nil {
		r.watch(ctx, target)
	}
	server := &proxy.Server{Dial: r.Dial, Report: func(number int, err error) { failed(number, r.Explain(ctx, err)) }}
	return server.Serve(ctx, socket)
}

// Dial opens a connection to the member in use, which carries HTTP/2 without TLS. Where that fails
// it looks again which members there are, for a while: they come and go, and get new certificates.
// The error is that of Connect; what ends the connection later is to be passed to Explain.
func (r *Relay) Dial(ctx context.Context) (net.Conn, error) {
	if target := r.current(); target != nil {
		if conn, err := r.open(ctx, nil, target); err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
	return retry(ctx, retryPolicy{within: startTimeout, reached: true}, nil, r.find)
}

// Explain asks the cluster why a connection of the relay ended, and returns a *LostError; any other
// error, and one that is explained already, is returned as it is.
func (r *Relay) Explain(ctx context.Context, err error) error {
	var broken *connError
	if !errors.As(err, &broken) {
		return err
	}
	return r.driver.diagnose(ctx, broken.member, lossOf(broken.err))
}

// know makes this the member in use.
func (r *Relay) know(member cluster.Member, certificates *cluster.Connection) *target {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.target == nil || !r.target.same(member) {
		r.target = newTarget(member, certificates)
	}
	return r.target
}

// current is the member in use, nil if there is none for a new client.
func (r *Relay) current() *target {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.target == nil || r.target.leaving || r.target.ended() {
		return nil
	}
	return r.target
}

// find finds a member and opens a connection to it, which may have been dialed before.
func (r *Relay) find(ctx context.Context) (net.Conn, error) {
	reached, err := r.driver.locate(ctx, r.options)
	if err != nil {
		return nil, err
	}
	defer func() { reached.guess.discard() }()
	return reach(ctx, r.driver, reached, r.options, func() (net.Conn, error) {
		return r.open(ctx, reached.guess, r.know(reached.member, reached.certificates))
	})
}

func (r *Relay) open(ctx context.Context, guess *predial, target *target) (net.Conn, error) {
	tunnels, err := r.driver.dialer(r.options.Transport)
	if err != nil {
		return nil, err
	}
	dial, config, err := r.driver.dialOf(tunnels, guess, target.member, target.certificates)
	if err != nil {
		return nil, err
	}
	conn, err := solve.Open(ctx, dial, config)
	if err != nil {
		return nil, err
	}
	r.watch(ctx, target)
	return target.carry(conn), nil
}

// watch follows the member until it has ended or ctx does, from the first connection on.
func (r *Relay) watch(ctx context.Context, target *target) {
	target.watching.Do(func() {
		go r.driver.observe(ctx, target.member, func(diagnosis cluster.Diagnosis) { r.observed(target, diagnosis) })
	})
}

// observed acts on what the cluster reports of a member: where it is terminating, new clients get
// another one; where it has ended, so have the connections to it.
func (r *Relay) observed(target *target, diagnosis cluster.Diagnosis) {
	r.mu.Lock()
	target.leaving = diagnosis.Cause != cluster.CauseNone
	r.mu.Unlock()
	if diagnosis.Over {
		target.end(diagnosis)
		return
	}
	if diagnosis.Cause == cluster.CauseNone {
		return
	}
	r.driver.inform("%s", warning(target.member, diagnosis, "what runs there"))
}
