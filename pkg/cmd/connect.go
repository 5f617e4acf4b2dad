package cmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// connected is a member whose daemon can be asked.
type connected struct {
	member     cluster.Member
	connection *cluster.Connection // nil for an adopted builder
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

// builderFor connects to the builder of a build, and installs the default one first where there is none.
func (f *factory) builderFor(ctx context.Context, o *buildOptions) (*connected, error) {
	affinity := affinityOf(o.contextPath())
	b, err := seek(ctx, o.retry.atStart(), f.tellUnreachable, func(ctx context.Context) (*connected, error) {
		return f.connect(ctx, o.connect, affinity)
	})
	var notFound *cluster.NotFoundError
	if !errors.As(err, &notFound) || o.connect.named || !o.install || len(notFound.Others) > 0 {
		return b, err
	}
	fmt.Fprintf(f.streams.ErrOut, "no builder in namespace %q: installing %q (--install=false forbids it)\n", notFound.Namespace, notFound.Name)
	if _, err := install(ctx, f, notFound.Name, cluster.Keep, cluster.InstallOptions{Timeout: defaultInstallTimeout}); err != nil {
		return nil, err
	}
	if b, err = f.connect(ctx, o.connect, affinity); err == nil {
		b.installed = true
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
// name, so that tunnel is dialed while the cluster is still being asked: over a slow link this saves seconds.
func (f *factory) connect(ctx context.Context, o connectOptions, affinity string) (*connected, error) {
	c, err := f.cluster()
	if err != nil {
		return nil, err
	}
	tunnels, err := f.dialer(tunnel.Transport(o.transport))
	if err != nil {
		return nil, err
	}
	guess := dialAhead(ctx, tunnels, c.Namespace(), o.builder)
	defer guess.discard()
	member, connection, err := c.Resolve(ctx, o.builder, affinity)
	if err != nil {
		return nil, err
	}
	if o.resolved != nil {
		if err := o.resolved(connection); err != nil {
			return nil, err
		}
	}
	daemon, err := open(ctx, tunnels, guess, member, connection)
	if err != nil {
		return nil, err
	}
	return &connected{member: member, connection: connection, daemon: daemon}, nil
}

func (f *factory) dialer(transport tunnel.Transport) (tunnel.Dialer, error) {
	config, err := f.config()
	return tunnel.Dialer{Config: config, Transport: transport}, err
}

// open is the one place where the two halves meet: a net.Conn of the one becomes the other's connection.
func open(ctx context.Context, tunnels tunnel.Dialer, guess *ahead, member cluster.Member, connection *cluster.Connection) (*solve.Daemon, error) {
	dial, config, err := wayTo(tunnels, guess, member, connection)
	if err != nil {
		return nil, err
	}
	return solve.Connect(ctx, dial, config)
}

// wayTo is how to dial a member's daemon, and the TLS to speak there; none where the tunnel ends at its socket.
func wayTo(
	tunnels tunnel.Dialer, guess *ahead, member cluster.Member, connection *cluster.Connection,
) (solve.Dial, *tls.Config, error) {
	if member.Adopted && tunnels.Transport == tunnel.Auto {
		tunnels.Transport = tunnel.Exec // nobody knows what an adopted daemon listens on, besides its socket
	}
	target := targetOf(member)
	dial := func(ctx context.Context) (net.Conn, error) {
		if tunnels.Transport != tunnel.Exec && guess.leadsTo(member) {
			return guess.take(ctx)
		}
		return tunnels.Dial(ctx, target)
	}
	if tunnels.Transport == tunnel.Exec || connection == nil {
		return dial, nil, nil
	}
	config, err := connection.TLS(time.Now())
	return dial, config, err
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
	daemon, err := open(ctx, tunnels, nil, member, connection)
	if err != nil {
		return err
	}
	defer func() { _ = daemon.Close() }()
	_, err = daemon.Version(ctx)
	return err
}
