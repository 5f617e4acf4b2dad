package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/proxy"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const proxyLong = `Give any BuildKit client on this machine the builder, over a unix socket.

Clients speak to the socket as to a daemon without TLS; the plugin carries every connection through the cluster, with
mutual TLS. Credentials, contexts and secrets remain the client's own matter: it sends them in its session, as always.

The socket has mode 0600: it serves you alone. There is no --listen tcp://, since a port is open to every user and
every web page of this machine. A connection that is lost is told of on the error stream, and affects no other. Where
a member of the builder goes away, its connections end, and the next ones lead to another member.

With -- COMMAND the plugin runs the command with BUILDKIT_HOST set to a socket of its own, passes signals on, and ends
with the command's exit code. Otherwise it prints the socket's address on standard output and serves until Ctrl-C.`

const proxyExample = `  # buildctl on the builder
  kubectl buildkit proxy -- buildctl build --frontend dockerfile.v0 --local context=. --local dockerfile=. \
    --output type=image,name=registry.example.com/app:1,push=true

  # A socket that stays, for docker buildx: bake what a compose file or an HCL file describes
  kubectl buildkit proxy --listen unix://$HOME/.buildkit.sock &
  docker buildx create --name cluster --driver remote unix://$HOME/.buildkit.sock
  docker buildx bake --builder cluster --push`

type proxyOptions struct {
	connect connectOptions
	listen  string
	command []string
}

func newProxyCommand(f *factory, run func(context.Context, *proxyOptions) error) *cobra.Command {
	o := &proxyOptions{}
	if run == nil {
		run = func(ctx context.Context, o *proxyOptions) error { return runProxy(ctx, f, o) }
	}
	c := &cobra.Command{
		Use:     "proxy [flags] [-- COMMAND ARG...]",
		Short:   "Give other BuildKit clients the builder",
		Long:    proxyLong,
		Example: proxyExample,
		Args:    proxyArguments,
		RunE: func(c *cobra.Command, args []string) error {
			o.command = args
			return run(c.Context(), o)
		},
	}
	flags := c.Flags()
	flags.StringVar(&o.listen, "listen", "", "Socket to make, as unix://PATH (default: one in $XDG_RUNTIME_DIR or the directory for temporary files)")
	o.connect.register(flags)
	o.connect.registerBuilder(flags)
	return c
}

func proxyArguments(c *cobra.Command, args []string) error {
	switch dash := c.ArgsLenAtDash(); {
	case dash < 0 && len(args) > 0:
		return fmt.Errorf("takes a command only after --: kubectl buildkit proxy -- %s", strings.Join(args, " "))
	case dash > 0:
		return fmt.Errorf("takes nothing before --, got %q", args[:dash])
	case dash == 0 && len(args) == 0:
		return errors.New("no command after --")
	}
	return nil
}

func runProxy(ctx context.Context, f *factory, o *proxyOptions) error {
	if err := o.connect.check(); err != nil {
		return err
	}
	path, err := proxy.NamedPath(o.listen)
	if err != nil {
		return err
	}
	var command *exec.Cmd
	if len(o.command) > 0 {
		if command, err = f.command(o.command); err != nil {
			return err
		}
	}
	options := o.connect.driver()
	options.Affinity = driver.AffinityOf(".")
	relay := &served{factory: f, Relay: f.Relay(options)}
	member, version, err := relay.Probe(ctx)
	if err != nil {
		return err
	}
	if path == "" {
		own, remove, err := f.ownPath(o.connect.builder, command != nil)
		if err != nil {
			return err
		}
		defer remove()
		path = own
	}
	socket, err := proxy.Listen(path)
	if err != nil {
		return err
	}
	defer func() { _ = socket.Close() }()
	if socket.Exposed {
		escape.Fprintf(f.streams.ErrOut, "warning: others may write to %s, and put a socket of theirs in place of yours\n", filepath.Dir(path))
	}
	if command != nil {
		return relay.serveCommand(ctx, socket, command)
	}
	return relay.serveAll(ctx, socket, member, version)
}

// ownPath chooses a path where the user named none: one of its own for a command, and for a proxy
// that stays the same one every time for the same builder. The function removes what was made for
// the one socket.
func (f *factory) ownPath(name string, once bool) (path string, remove func(), err error) {
	if once {
		return proxy.TemporaryPath(f.lookupEnv)
	}
	host, err := f.Host()
	if err != nil {
		return "", nil, err
	}
	namespace, err := f.Namespace()
	if err != nil {
		return "", nil, err
	}
	path, err = proxy.LastingPath(f.lookupEnv, name, host, namespace)
	return path, func() {}, err
}

// command is what the user wants to run, if there is such a program.
func (f *factory) command(line []string) (*exec.Cmd, error) {
	path, err := exec.LookPath(line[0])
	if err != nil {
		return nil, &usage.Error{What: "command", Value: line[0], Reason: reasonOf(err), Next: "name a program on your PATH, or its path"}
	}
	// Its life is its own: a signal that ends this command's context goes to the program as well.
	command := &exec.Cmd{Path: path, Args: line}
	command.Stdin, command.Stdout, command.Stderr = f.streams.Raw.In, f.streams.Raw.Out, f.streams.Raw.ErrOut
	return command, nil
}

// served is a relay with the socket's user.
type served struct {
	*factory
	*driver.Relay
}

// serveAll serves until the user ends it, which is how a proxy ends and no failure.
func (s *served) serveAll(ctx context.Context, socket *proxy.Socket, member cluster.Member, version string) error {
	address := "unix://" + socket.Path
	if _, err := escape.Fprintln(s.streams.Out, address); err != nil {
		return err
	}
	escape.Fprintf(s.streams.ErrOut, "builder %q in namespace %q (Pod %s, BuildKit %s) is at BUILDKIT_HOST=%s until Ctrl-C\n",
		member.Builder, member.Namespace, member.Pod, version, address)
	return s.Serve(ctx, socket, s.failed)
}

// failed reports one connection; the others go on.
func (s *served) failed(number int, err error) {
	s.printFailure(fmt.Sprintf("connection %d: ", number), explain.Error(err))
}

// serveCommand serves for as long as the command runs: after Ctrl-C, too, for clients then tell the
// builder.
func (s *served) serveCommand(ctx context.Context, socket *proxy.Socket, command *exec.Cmd) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(serving, socket, s.failed) }()
	command.Env = append(os.Environ(), "BUILDKIT_HOST=unix://"+socket.Path)
	code, err := proxy.Run(command)
	stop()
	if serveErr := <-ended; err == nil {
		err = serveErr
	}
	if err == nil && code != 0 {
		return &explain.ExitError{Code: code}
	}
	return err
}
