package cmd

import (
	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
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
	flags.DurationVar(&o.retry.within, "retry-timeout", driver.LossTimeout, "How long a lost builder is sought, each time")
	flags.BoolVar(&o.install, "install", true, "Install the default builder when the namespace has none, and restore one whose Pod was deleted")
}

// connectOptions say which builder, and which way to it.
type connectOptions struct {
	builder   string
	named     bool // the user said which, so no other may be installed in its place
	transport string
	adopt     bool
	renew     bool // certificates that are about to expire
}

func (o *connectOptions) driver() driver.ConnectOptions {
	return driver.ConnectOptions{Builder: o.builder, Transport: tunnel.Transport(o.transport), Adopt: o.adopt, Renew: o.renew}
}

func (o *connectOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.transport, "transport", string(tunnel.Auto), "Transport to the builder: auto, websocket, spdy or exec")
	flags.BoolVar(&o.adopt, "adopt", false, "Use a Pod that nothing authenticates as the builder, e.g. where its Secret cannot be read")
}

// registerBuilder is for commands whose arguments name something else.
func (o *connectOptions) registerBuilder(flags *pflag.FlagSet) {
	flags.StringVar(&o.builder, "builder", builder.DefaultName, "The builder to use")
}

func (o *connectOptions) check() error {
	switch tunnel.Transport(o.transport) {
	case tunnel.Auto, tunnel.WebSocket, tunnel.SPDY, tunnel.Exec:
	default:
		return &usage.Error{What: "--transport", Value: o.transport, Reason: "no such transport", Next: "use auto, websocket, spdy or exec"}
	}
	return builder.ValidateName(o.builder)
}
