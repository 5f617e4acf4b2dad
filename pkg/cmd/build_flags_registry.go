package cmd

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// registryOptions are about the registries of a build and the credentials for them.
type registryOptions struct {
	preflight       bool
	secrets         []string
	serviceAccounts []string
	tlsContexts     []string
	auth            []string // nil is every registry
}

func (o *registryOptions) register(flags *pflag.FlagSet) {
	flags.BoolVar(&o.preflight, "preflight", true, "Check first that the registries accept the push; nothing is changed there")
	flags.Var((*list)(&o.auth), "registry-auth",
		`Registries whose credentials this build may use, HOST,… or "none"; default: those it asks for (repeatable)`)
	flags.Var((*list)(&o.secrets), "registry-secret",
		"Secret of the namespace with credentials, before those of the docker config (repeatable)")
	flags.Var((*list)(&o.serviceAccounts), "registry-service-account",
		"ServiceAccount whose pull secrets hold credentials, used like --registry-secret (repeatable)")
	flags.Var((*list)(&o.tlsContexts), "registry-auth-tlscontext",
		"TLS of one registry as this machine speaks it, e.g. host=HOST,ca=FILE,cert=FILE,key=FILE or host=HOST,insecure=true (repeatable)")
}

// credentials are those of the user's docker config, for registries that are asked as the flags say.
func (o registryOptions) credentials(f *factory) (*registryauth.Provider, error) {
	provider := f.credentials()
	if o.auth != nil {
		hosts, err := registryauth.ParseHosts(o.auth)
		if err != nil {
			return nil, &usage.Error{
				What: "--registry-auth", Value: strings.Join(o.auth, ","), Reason: reasonOf(err),
				Next: `use HOST,…, e.g. --registry-auth registry.example.com:5000, or "none"`,
			}
		}
		provider.Limit(hosts)
	}
	for _, text := range o.tlsContexts {
		context, err := registryauth.ParseTLSContext(text)
		if err == nil {
			err = provider.UseTLS(context)
		}
		if err != nil {
			return nil, &usage.Error{
				What: "--registry-auth-tlscontext", Value: text, Reason: reasonOf(err),
				Next: "use host=HOST with ca=FILE, cert=FILE,key=FILE or insecure=true",
			}
		}
	}
	return provider, nil
}
