package cmd

import (
	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// register declares the flags of a build under Docker's names, a family after the other.
func (o *buildOptions) register(flags *pflag.FlagSet) {
	o.registerInput(flags)
	o.registerSteps(flags)
	o.registerSandbox(flags)
	o.registerCache(flags)
	o.registerOutput(flags)
	o.registerAttestations(flags)
	o.registerFrontend(flags)
	o.registerUpload(flags)
	o.registerLegacy(flags)
	o.registries.register(flags)
	o.connect.register(flags)
	o.connect.registerBuilder(flags)
	flags.IntVar(&o.retry.retries, "retries", 5, "How often a build that loses its builder goes on over a new connection")
	flags.DurationVar(&o.retry.within, "retry-timeout", lossPatience, "How long a lost builder is sought, each time")
	flags.BoolVar(&o.install, "install", true, "Install the default builder when the namespace has none, and restore one whose Pod was deleted")
}

// connectOptions say which builder, and which way to it.
type connectOptions struct {
	builder   string
	named     bool // the user said which, so no other may be installed in its place
	transport string
	adopt     bool
	renew     bool // certificates that are near their end
	// resolved is told how to connect as soon as the cluster has said so; it may be nil, and so may the connection.
	resolved func(*cluster.Connection) error
}

func (o *connectOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.transport, "transport", string(tunnel.Auto), "Transport to the builder: auto, websocket, spdy or exec")
	flags.BoolVar(&o.adopt, "adopt", false, "Use a Pod that nothing authenticates as the builder, e.g. where its Secret cannot be read")
}

// vouched reports whether the user vouches for a Pod of the builder's name, whatever it is.
func (o *connectOptions) vouched() bool {
	return o.adopt || tunnel.Transport(o.transport) == tunnel.Exec
}

// registerBuilder is for commands whose arguments name something else.
func (o *connectOptions) registerBuilder(flags *pflag.FlagSet) {
	flags.StringVar(&o.builder, "builder", builder.DefaultName, "The builder to use")
}

func (o *connectOptions) check() error {
	switch tunnel.Transport(o.transport) {
	case tunnel.Auto, tunnel.WebSocket, tunnel.SPDY, tunnel.Exec:
	default:
		return &optionError{flag: "--transport", value: o.transport, reason: "no such transport", next: "use auto, websocket, spdy or exec"}
	}
	return builder.ValidateName(o.builder)
}
