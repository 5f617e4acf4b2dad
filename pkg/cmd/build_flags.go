package cmd

import (
	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// register declares the flags of a build under Docker's names.
func (o *buildOptions) register(flags *pflag.FlagSet) {
	o.registerInput(flags)
	o.registerOutput(flags)
	o.connect.register(flags)
	flags.StringVar(&o.connect.builder, "builder", builder.DefaultName, "The builder to use")
	flags.BoolVar(&o.install, "install", true, "Install the default builder when the namespace has none")
}

func (o *buildOptions) registerInput(flags *pflag.FlagSet) {
	flags.StringVarP(&o.File, "file", "f", "", `The Dockerfile (default PATH/Dockerfile); "-" is standard input`)
	flags.StringArrayVar(&o.BuildArgs, "build-arg", nil, "Build argument NAME=VALUE; NAME alone takes this environment's value (repeatable)")
	flags.StringVar(&o.Target, "target", "", "The stage to build")
	flags.StringArrayVar(&o.Platforms, "platform", nil, "Platforms to build for, e.g. linux/amd64,linux/arm64")
	flags.StringArrayVar(&o.Labels, "label", nil, "Label of the image, KEY=VALUE (repeatable)")
	flags.BoolVar(&o.NoCache, "no-cache", false, "Run every step again")
	flags.BoolVar(&o.Pull, "pull", false, "Ask the registry for newer base images")
}

func (o *buildOptions) registerOutput(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&o.Tags, "tag", "t", nil, "Name of the image, NAME[:TAG] (repeatable)")
	flags.BoolVar(&o.Push, "push", false, "Push the image to the registries of its tags")
	flags.StringArrayVarP(&o.Outputs, "output", "o", nil, "Where the result goes, e.g. ./dir or type=oci,dest=image.tar (repeatable)")
	flags.StringVar(&o.MetadataFile, "metadata-file", "", "Write what was built to this file, as JSON")
	flags.StringVar(&o.ImageIDFile, "iidfile", "", "Write the image's ID to this file")
	flags.StringVar(&o.progress, "progress", "", "How to show progress: auto, tty, plain, rawjson or quiet (default auto)")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "Show no progress: print the answer alone")
}

// connectOptions say which builder, and which way to it.
type connectOptions struct {
	builder   string
	named     bool // the user said which, so no other may be installed in its place
	transport string
}

func (o *connectOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.transport, "transport", string(tunnel.Auto), "Way to the builder: auto, websocket, spdy or exec")
}

func (o *connectOptions) check() error {
	switch tunnel.Transport(o.transport) {
	case tunnel.Auto, tunnel.WebSocket, tunnel.SPDY, tunnel.Exec:
	default:
		return &optionError{flag: "--transport", value: o.transport, reason: "no such transport", next: "use auto, websocket, spdy or exec"}
	}
	return builder.ValidateName(o.builder)
}
