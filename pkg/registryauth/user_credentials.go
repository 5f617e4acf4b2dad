package registryauth

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Options are the locations of the credentials.
type Options struct {
	Directory string // of the docker config
	LookupEnv func(name string) (string, bool)

	helperLimit time.Duration // of one call; 0 is helperLimit
}

// bounded returns a context with the timeout for a helper.
func (o Options) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := cmp.Or(o.helperLimit, helperLimit)
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer in %v", limit))
}

// Config has the user's credentials: the docker config, the environment, and the flags about them.
// It is complete before Provider is called.
type Config struct {
	env, file loaded
	scoped    []scoped
	allowed   []string
	contexts  map[string]*tls.Config
	authority *authority
	lookupEnv func(string) (string, bool)
}

// Read reads the docker config. It does not run credential helpers. A part that cannot be read is
// not an error: Warnings returns it.
func Read(opts Options) *Config {
	c := &Config{scoped: findScoped(opts), authority: &authority{}, lookupEnv: opts.LookupEnv}
	if opts.Directory != "" {
		path := filepath.Join(opts.Directory, configFile)
		parsed, faults := readConfig(path)
		c.file = loaded{name: path, origin: FromFile, config: parsed, faults: faults}
		c.authority.path = filepath.Join(opts.Directory, seedFile)
	}
	if text, _ := opts.LookupEnv(authEnv); text != "" {
		parsed, faults := parseConfig(authEnv, []byte(text))
		parsed.Store, parsed.HostHelpers = "", nil
		c.env = loaded{name: authEnv, origin: FromEnvironment, config: parsed, faults: faults}
	}
	return c
}

// Warnings returns sentences about the parts that could not be read.
func (c *Config) Warnings() []string {
	var list []string
	for _, from := range []loaded{c.env, c.file} {
		for _, fault := range from.faults {
			list = append(list, fault.Error())
		}
	}
	return list
}

// Proxies returns the docker config's proxies for builds, as build arguments.
func (c *Config) Proxies() map[string]string {
	return c.file.config.Proxies["default"].arguments()
}

// Secret is a docker config in a Secret of the cluster.
type Secret struct{ loaded }

// ParseSecret parses a docker config, or the value of its "auths": Secrets may have either.
// Messages name it by source. The error is a *ConfigError if no credentials can be used.
func ParseSecret(source string, text []byte) (Secret, error) {
	parsed, faults := parseConfig(source, text)
	usable := slices.ContainsFunc(slices.Collect(maps.Values(parsed.Auths)), func(e entry) bool { return !e.empty() })
	if len(faults) > 0 && !faults[0].Used && !usable {
		return Secret{}, faults[0]
	}
	if parsed.Auths == nil && parsed.Store == "" && parsed.HostHelpers == nil && len(text) > 0 {
		if fault := parseInto(source, text, &parsed.Auths); fault != nil {
			return Secret{}, fault
		}
	}
	if len(parsed.Auths) == 0 {
		return Secret{}, &ConfigError{Path: source, Cause: errors.New("it has no credentials")}
	}
	return Secret{loaded{name: source, origin: FromSecret, config: config{Auths: parsed.Auths}, faults: faults}}, nil
}

// Build has the additional credentials of one build, and the references that it needs credentials
// for. The zero value is for requests to registries without a build.
type Build struct {
	// Secrets take precedence over the user's own credentials, in their order.
	Secrets []Secret
	// Pushes and Images are the references that are pushed, and those of the other images. The
	// first one of a registry determines the credentials for the registry as a whole.
	Pushes, Images []string
}

// Provider returns the provider of credentials for one build on one builder.
func (c *Config) Provider(build Build) *Provider {
	chain := &keychain{env: c.env, file: c.file, scoped: c.scoped, allowed: c.allowed, helpers: newPrograms()}
	for _, secret := range build.Secrets {
		chain.extra = append(chain.extra, secret.loaded)
	}
	trusted := make(chan struct{})
	p := &Provider{
		trusted: trusted, settleTrust: sync.OnceFunc(func() { close(trusted) }),
		keychain: chain, authority: c.authority, lookupEnv: c.lookupEnv, limit: requestLimit, contexts: c.contexts,
		clients: map[string]*http.Client{}, wishes: map[string]*asked{}, preferred: map[purpose]int{}, scopes: map[string][]string{},
		shown: map[string]bool{}, hosts: map[string]*host{},
	}
	for _, each := range repositoriesOf(build.Pushes) {
		each.push = true
		p.named = append(p.named, each)
	}
	p.named = append(p.named, repositoriesOf(build.Images)...)
	return p
}
