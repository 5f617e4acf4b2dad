package driver

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/ephemeral"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// ConnectOptions is which builder, and how to connect to it.
type ConnectOptions struct {
	// Builder is its name; empty is builder.DefaultName.
	Builder string
	// Transport may be empty, which is tunnel.Auto.
	Transport tunnel.Transport
	// Adopt is set if the user vouches for a Pod of the builder's name that nothing authenticates,
	// as tunnel.Exec implies.
	Adopt bool
	// Renew has certificates renewed that are about to expire, where the user may.
	Renew bool
	// Affinity is any text that is the same for builds that share their cache: they go to the same
	// member.
	Affinity string
	// Target tells builds of one affinity apart: where their first choice is busy, each has its own
	// order of the others. It may be empty.
	Target string
	// Member is the only member that is wanted, a Pod's name or its number in a set; empty is any.
	Member string

	own       *ephemeral.Builder // the builder that was made for this build alone, if that is the one
	preferred string             // the Pod that is used whatever it has to do, while it can be
	// route, if not nil, returns which builder of the family to connect to.
	route func(*cluster.Connection) (name string, err error)
}

// adopts reports whether the user vouches for a Pod of the builder's name, whatever it is.
func (o ConnectOptions) adopts() bool { return o.Adopt || o.Transport == tunnel.Exec }

func (o ConnectOptions) withDefaults() ConnectOptions {
	o.Builder, o.Transport = cmp.Or(o.Builder, builder.DefaultName), cmp.Or(o.Transport, tunnel.Auto)
	return o
}

// Connection is a connection to the daemon of one member. Close ends it.
type Connection struct {
	// Member is the Pod.
	Member cluster.Member
	// Certificates are those of the builder; nil for an unmanaged one.
	Certificates *cluster.Connection
	// Daemon is BuildKit in that Pod.
	Daemon *solve.Daemon
	// Presented is the certificate with which the daemon has proved what it is; zero where none was
	// asked for.
	Presented Presented

	installed bool   // by this very call
	reason    string // why it is this member, for the progress; empty for the only one
}

// Close ends the connection, and every call on it. The error is that of closing it, and has no
// type.
func (c *Connection) Close() error { return c.Daemon.Close() }

// Connect finds the member to use and connects to its daemon, which has not answered yet where the
// builder has one member. It tries once. The error is a cluster or connection error, or a
// *usage.Error for ConnectOptions.Member.
func (d *Driver) Connect(ctx context.Context, o ConnectOptions) (*Connection, error) {
	return d.connect(ctx, o.withDefaults(), trustsNothing)
}

func (d *Driver) connect(ctx context.Context, o ConnectOptions, trust trustFunc) (*Connection, error) {
	r, err := d.locate(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { r.guess.discard() }()
	if err := trust(r.certificates); err != nil {
		return nil, err
	}
	if to, err := o.redirect(r.certificates); err != nil {
		return nil, err
	} else if to.Builder != o.Builder {
		return d.connect(ctx, to, trust)
	}
	if pods := r.at.Pods(); len(pods) > 1 || len(pods) == 1 && pods[0] != o.Builder {
		return d.choose(ctx, r, o)
	}
	return reach(ctx, d, r, o, func() (*Connection, error) {
		daemon, err := d.open(ctx, r.tunnels, r.guess, r.member, r.certificates)
		if err != nil {
			return nil, err
		}
		return &Connection{Member: r.member, Certificates: r.certificates, Daemon: daemon}, nil
	})
}

// reached is a builder, and then its member that may be dialed.
type reached struct {
	cluster      *cluster.Client
	tunnels      tunnel.Dialer
	guess        *predial
	at           *cluster.Location
	pinned       string // the only Pod that is wanted; empty is any
	member       cluster.Member
	certificates *cluster.Connection // nil for an unmanaged builder
}

// locate finds a builder. The caller discards the guess: a builder usually is one Pod of its own
// name, so that a tunnel to that is dialed while the cluster is still being asked: over a slow
// connection this saves seconds.
func (d *Driver) locate(ctx context.Context, o ConnectOptions) (r *reached, err error) {
	r = &reached{}
	if r.cluster, err = d.Cluster(); err != nil {
		return nil, err
	}
	if r.tunnels, err = d.dialer(o.Transport); err != nil {
		return nil, err
	}
	if o.own != nil {
		return r.locateOwn(o.own)
	}
	r.guess = startPredial(ctx, r.tunnels, r.cluster.Namespace(), o.Builder)
	if r.at, err = r.cluster.Locate(ctx, o.Builder, o.adopts()); err == nil {
		r.certificates = r.at.Connection
		d.noteSkew(r.cluster)
		if o.Member != "" {
			r.pinned, err = memberNamed(o.Member, r.at)
		}
	}
	if err != nil {
		r.guess.discard()
		return nil, err
	}
	return r, nil
}

// reach finds the member to use in the order of the affinity alone, and opens a connection to it. A
// member whose certificates do not fit is passed over for the next one: it may be another's Pod, or
// still be waiting for its builds before it takes renewed certificates.
func reach[T any](ctx context.Context, d *Driver, r *reached, o ConnectOptions, dial func() (T, error)) (none T, err error) {
	wanted := cluster.Selection{Affinity: o.Affinity, Adopt: o.adopts(), Pod: r.pinned}
	var untrusted error
	for {
		if r.member, err = r.cluster.Choose(ctx, r.at, wanted); err != nil {
			return none, cmp.Or(untrusted, err)
		}
		d.renewCertificates(ctx, r.cluster, o, r)
		d.noteUnverified(r.member)
		found, err := dial()
		var mismatch *solve.TLSError
		if !errors.As(err, &mismatch) || ctx.Err() != nil {
			return found, err
		}
		untrusted = cmp.Or(untrusted, r.cluster.Untrusted(r.member, err))
		wanted.Except = append(wanted.Except, r.member.UID)
	}
}

// open is the one place where the two halves meet: a net.Conn of the one becomes the other's
// connection.
func (d *Driver) open(
	ctx context.Context, tunnels tunnel.Dialer, guess *predial, member cluster.Member, certificates *cluster.Connection,
) (*solve.Daemon, error) {
	dial, config, err := d.dialOf(tunnels, guess, member, certificates)
	if err != nil {
		return nil, err
	}
	daemon, err := solve.Connect(ctx, dial, config)
	if err == nil {
		daemon.SetLimit(limitOf(member, certificates))
	}
	return daemon, err
}

// dialOf returns how to dial a member's daemon, and the TLS configuration for it; none where the
// tunnel ends at its socket, or for an unmanaged builder.
func (d *Driver) dialOf(
	tunnels tunnel.Dialer, guess *predial, member cluster.Member, certificates *cluster.Connection,
) (solve.Dial, *tls.Config, error) {
	if certificates == nil && tunnels.Transport == tunnel.Auto {
		tunnels.Transport = tunnel.Exec // an unmanaged daemon listens on its socket; on which ports is unknown
	}
	target := targetOf(member)
	dial := func(ctx context.Context) (net.Conn, error) {
		if tunnels.Transport != tunnel.Exec && guess.leadsTo(member) {
			return guess.take(ctx)
		}
		return tunnels.Dial(ctx, target)
	}
	switch {
	case certificates == nil && !member.Adopted:
		return nil, nil, fmt.Errorf("connecting to Pod %q: there are no certificates for it", member.Pod)
	case certificates == nil:
		return dial, nil, nil
	}
	config, err := certificates.TLS()
	if err == nil {
		config.VerifyConnection = d.noteCertificate(member, config.Time, certificates)
	}
	if err == nil && tunnels.Transport == tunnel.Exec {
		return d.proven(tunnels, target, config, dial), nil, nil
	}
	return dial, config, err
}

// proven dials once the Pod has proved, over a port that is closed again, that it has the builder's
// certificates: over exec has no TLS. A Pod to which no port may be forwarded is taken as it is.
func (d *Driver) proven(tunnels tunnel.Dialer, target tunnel.Target, config *tls.Config, dial solve.Dial) solve.Dial {
	tunnels.Transport = tunnel.Auto
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := solve.Open(ctx, func(ctx context.Context) (net.Conn, error) { return tunnels.Dial(ctx, target) }, config)
		var forbidden *tunnel.ForbiddenError
		var unopened *tunnel.DialError
		if err != nil && !errors.As(err, &forbidden) && !errors.As(err, &unopened) {
			return nil, err
		}
		if err == nil {
			_ = conn.Close()
		} else {
			d.once(Notice{Warning: true, Text: fmt.Sprintf("Pod %q is not authenticated: exec checks no certificates, and %v", target.Pod, err)})
		}
		return dial(ctx)
	}
}

// openMember is open for a member that was chosen already.
func (d *Driver) openMember(
	ctx context.Context, tunnels tunnel.Dialer, member cluster.Member, certificates *cluster.Connection,
) (*solve.Daemon, error) {
	daemon, err := d.open(ctx, tunnels, nil, member, certificates)
	if err != nil {
		return nil, d.untrusted(member, err)
	}
	return daemon, nil
}

// untrusted returns what a failed handshake means for the member; any other error as it is.
func (d *Driver) untrusted(member cluster.Member, err error) error {
	var mismatch *solve.TLSError
	if !errors.As(err, &mismatch) {
		return err
	}
	c, clusterErr := d.Cluster()
	if clusterErr != nil {
		return clusterErr
	}
	return c.Untrusted(member, err)
}

func targetOf(member cluster.Member) tunnel.Target {
	return tunnel.Target{
		Namespace: member.Namespace, Pod: member.Pod, Builder: member.Builder, Port: builder.Port,
		Container: member.Container, Command: member.DialStdio(),
	}
}

// Info connects to a member once over the given transport, and returns what its daemon is. It is
// for checks: nothing else is tried, and a Pod that nothing authenticates is asked over
// tunnel.Exec. The error is a cluster or connection error, a *trust.UnusableError for the
// certificates, or a *solve.UnsupportedError.
func (d *Driver) Info(ctx context.Context, transport tunnel.Transport, member cluster.Member, certificates *cluster.Connection) (*solve.Info, error) {
	tunnels, err := d.dialer(transport)
	if err != nil {
		return nil, err
	}
	var config *tls.Config
	if transport != tunnel.Exec {
		if certificates == nil {
			return nil, errors.New("there are no certificates for it")
		}
		if config, err = certificates.TLS(); err != nil {
			return nil, err
		}
	}
	dial := func(ctx context.Context) (net.Conn, error) { return tunnels.Dial(ctx, targetOf(member)) }
	return whileStarting(ctx, member, func(ctx context.Context) (*solve.Info, error) {
		daemon, err := solve.Connect(ctx, dial, config)
		if err != nil {
			return nil, d.untrusted(member, err)
		}
		defer func() { _ = daemon.Close() }()
		return daemon.Info(ctx)
	})
}
