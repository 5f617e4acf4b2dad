package cmd

import "github.com/spf13/pflag"

// registryOptions are about the registries of a build and the credentials for them.
type registryOptions struct {
	preflight       bool
	secrets         []string
	serviceAccounts []string
}

func (o *registryOptions) register(flags *pflag.FlagSet) {
	flags.BoolVar(&o.preflight, "preflight", true, "Ask the registries first whether the push will be allowed")
	flags.StringArrayVar(&o.secrets, "registry-secret", nil,
		"Secret of the namespace with credentials, before those of the docker config (repeatable)")
	flags.StringArrayVar(&o.serviceAccounts, "registry-service-account", nil,
		"ServiceAccount whose pull secrets hold credentials, used like --registry-secret (repeatable)")
}
