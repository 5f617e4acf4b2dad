package cmd

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// connected is a member whose daemon can be asked.
type connected struct {
	member     cluster.Member
	connection *cluster.Connection // nil for an unmanaged builder
	daemon     *solve.Daemon
	installed  bool // by this very command
}

func (c *connected) close() { _ = c.daemon.Close() }

// lendTrust makes the credentials trust the registries that the builder trusts; an adopted builder says nothing of it.
func lendTrust(connection *cluster.Connection, credentials *registryauth.Provider) error {
	if connection == nil {
		return credentials.Trust(nil)
	}
	return credentials.Trust(connection.RegistryCA, connection.InsecureRegistries...)
}

// builderFor connects to the builder of a build. Where the default one is not installed, or the Pod of a builder is gone,
// it is provided first.
func (f *factory) builderFor(ctx context.Context, o *buildOptions) (*connected, error) {
	affinity := affinityOf(o.contextPath())
	connect := func(ctx context.Context) (*connected, error) { return f.connect(ctx, o.connect, affinity) }
	b, err := seek(ctx, o.retry.atStart(), f.tellUnreachable, connect)
	if err == nil || ctx.Err() != nil {
		return b, err
	}
	installed, err := f.provide(ctx, o, err)
	if err != nil {
		return nil, err
	}
	if b, err = connect(ctx); err == nil {
		b.installed = installed
	}
	return b, err
}

// affinityOf is the same for builds that share their cache: those of one directory, wherever they are started from.
func affinityOf(path string) string {
	if absolute, err := filepath.Abs(path); err == nil && path != "-" && !strings.Contains(path, "://") {
		return absolute
	}
	return path
}

// connect finds the member to use and reaches its daemon through a tunnel. A builder usually is one Pod of its own
// name, so that tunnel is dialed while the cluster is still being asked: over a slow connection this saves seconds.
func (f *factory) connect(ctx context.Context, o connectOptions, affinity string) (*connected, error) {
	return reach(ctx, f, o, affinity, func(r *reached) (*connected, error) {
		if o.resolved != nil {
			if err := o.resolved(r.connection); err != nil {
				return nil, err
			}
		}
		daemon, err := f.open(ctx, r.tunnels, r.guess, r.member, r.connection)
		if err != nil {
			return nil, err
		}
		return &connected{member: r.member, connection: r.connection, daemon: daemon}, nil
	})
}

// reached is a member that may be dialed.
type reached struct {
	tunnels    tunnel.Dialer
	guess      *ahead
	member     cluster.Member
	connection *cluster.Connection
}

// reach finds the member to use and opens a connection to it. A member whose certificates do not fit is passed over for
// the next one: it may be another's Pod, or still be waiting for its builds before it takes renewed certificates.
func reach[T any](
	ctx context.Context, f *factory, o connectOptions, affinity string, dial func(*reached) (T, error),
) (none T, err error) {
	c, err := f.cluster()
	if err != nil {
		return none, err
	}
	r := &reached{}
	if r.tunnels, err = f.dialer(tunnel.Transport(o.transport)); err != nil {
		return none, err
	}
	r.guess = dialAhead(ctx, r.tunnels, c.Namespace(), o.builder)
	defer func() { r.guess.discard() }()
	wanted := cluster.Selection{Affinity: affinity, Adopt: o.vouched()}
	var untrusted error
	for {
		r.member, r.connection, err = c.Resolve(ctx, o.builder, wanted)
		if err != nil {
			return none, cmp.Or(untrusted, err)
		}
		f.noteSkew(c)
		f.renewCertificates(ctx, c, o, r)
		f.noteUnverified(r.member)
		found, err := dial(r)
		var refused *solve.RefusedError
		if !errors.As(err, &refused) || ctx.Err() != nil {
			return found, err
		}
		untrusted = cmp.Or(untrusted, error(&untrustedError{member: r.member, err: err}))
		wanted.Except = append(wanted.Except, r.member.UID)
	}
}

func (f *factory) dialer(transport tunnel.Transport) (tunnel.Dialer, error) {
	config, err := f.config()
	return tunnel.Dialer{Config: config, Transport: transport}, err
}

// open is the one place where the two halves meet: a net.Conn of the one becomes the other's connection.
func (f *factory) open(ctx context.Context, tunnels tunnel.Dialer, guess *ahead, member cluster.Member, connection *cluster.Connection) (*solve.Daemon, error) {
	dial, config, err := f.wayTo(tunnels, guess, member, connection)
	if err != nil {
		return nil, err
	}
	return solve.Connect(ctx, dial, config)
}

// wayTo returns how to dial a member's daemon, and the TLS to speak there; none where the tunnel ends at its socket, or
// for an unmanaged builder.
func (f *factory) wayTo(
	tunnels tunnel.Dialer, guess *ahead, member cluster.Member, connection *cluster.Connection,
) (solve.Dial, *tls.Config, error) {
	if connection == nil && tunnels.Transport == tunnel.Auto {
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
	case connection == nil && !member.Adopted:
		return nil, nil, fmt.Errorf("connecting to Pod %q: there are no certificates for it", member.Pod)
	case connection == nil:
		return dial, nil, nil
	}
	config, err := connection.TLS()
	if err == nil {
		config.VerifyConnection = f.noteOldCertificate(member, config.Time)
	}
	if err == nil && tunnels.Transport == tunnel.Exec {
		return f.proven(tunnels, target, config, dial), nil, nil
	}
	return dial, config, err
}

// proven dials once the Pod has proved, over a port that is closed again, that it has the builder's certificates: over
// exec there is no TLS. A Pod to which no port may be forwarded is taken as it is.
func (f *factory) proven(tunnels tunnel.Dialer, target tunnel.Target, config *tls.Config, dial solve.Dial) solve.Dial {
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
			f.noteOnce(fmt.Sprintf("warning: Pod %q is not authenticated: exec checks no certificates, and %v", target.Pod, err))
		}
		return dial(ctx)
	}
}

func targetOf(member cluster.Member) tunnel.Target {
	return tunnel.Target{
		Namespace: member.Namespace, Pod: member.Pod, Builder: member.Builder, Port: builder.Port,
		Container: member.Container, Command: member.DialStdio(),
	}
}

// answers asks a daemon that starts whether it is there yet.
func answers(ctx context.Context, f *factory, member cluster.Member, connection *cluster.Connection) error {
	tunnels, err := f.dialer(tunnel.Auto)
	if err != nil {
		return err
	}
	daemon, err := f.open(ctx, tunnels, nil, member, connection)
	if err != nil {
		return err
	}
	defer func() { _ = daemon.Close() }()
	_, err = daemon.Version(ctx)
	return err
}
