package cmd

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/proxy"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/terminal"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const dialStdioLong = `Connect standard input and output to the builder's daemon, as "buildctl dial-stdio" does.

One connection, in the daemon's own protocol without TLS: what ssh, socat or a socket unit of systemd can give to a
BuildKit client elsewhere. It ends when standard input does.`

const dialStdioExample = `  # What a socket unit of systemd, say, runs for every connection
  kubectl buildkit dial-stdio

  # A socket on this machine for a builder that only the host "jump" can reach
  socat UNIX-LISTEN:$HOME/.buildkit.sock,fork,mode=600 EXEC:"ssh jump kubectl buildkit dial-stdio"
  buildctl --addr unix://$HOME/.buildkit.sock debug workers`

func newDialStdioCommand(f *factory) *cobra.Command {
	o := &connectOptions{}
	c := &cobra.Command{
		Use:     "dial-stdio",
		Short:   "Connect standard input and output to the builder",
		Long:    dialStdioLong,
		Example: dialStdioExample,
		Args:    noArguments("kubectl buildkit dial-stdio --builder NAME"),
		RunE:    func(c *cobra.Command, _ []string) error { return runDialStdio(c.Context(), f, *o) },
	}
	o.register(c.Flags())
	o.registerBuilder(c.Flags())
	return c
}

func runDialStdio(ctx context.Context, f *factory, o connectOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if terminal.Is(f.streams.Raw.Out) {
		return &usage.Error{
			What: "dial-stdio", Reason: "it writes BuildKit's protocol, which is not text, and standard output is a terminal",
			Next: "let a BuildKit client run it, or give one a socket: kubectl buildkit proxy",
		}
	}
	options := o.driver()
	options.Affinity = driver.AffinityOf(".")
	relay := f.Relay(options)
	far, err := relay.Dial(ctx)
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	near := &stdio{Reader: request.Interruptible(reading, f.streams.In), Writer: f.streams.Raw.Out, stop: stop}
	if err := proxy.Join(near, far); err != nil {
		return relay.Explain(ctx, err)
	}
	return context.Cause(ctx)
}

// stdio is standard input and output as one end of a connection.
type stdio struct {
	io.Reader
	io.Writer
	stop context.CancelFunc
}

func (s *stdio) Close() error {
	s.stop()
	return nil
}
