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

// Options say where the credentials are.
type Options struct {
	Directory string // of the docker config
	LookupEnv func(name string) (string, bool)

	helperLimit time.Duration // of one call; 0 is helperLimit
}

// bounded ends what a helper does that hangs.
func (o Options) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := cmp.Or(o.helperLimit, helperLimit)
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer in %v", limit))
}

// Config is what the user has: the docker config, the environment, and what flags say of them. It is complete before a
// Provider is made of it.
type Config struct {
	env, file loaded
	scoped    []scoped
	allowed   []string
	contexts  map[string]*tls.Config
	authority *authority
	lookupEnv func(string) (string, bool)
}

// Read reads the docker config. Credential helpers are not asked yet. What cannot be read is not an error: Warnings has it.
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

// Warnings are the sentences about what could not be read.
func (c *Config) Warnings() []string {
	var list []string
	for _, from := range []loaded{c.env, c.file} {
		for _, fault := range from.faults {
			list = append(list, fault.Error())
		}
	}
	return list
}

// Proxies are the docker config's proxies for builds, as build arguments.
func (c *Config) Proxies() map[string]string {
	return c.file.config.Proxies["default"].arguments()
}

// Secret is a docker config that a Secret of the cluster holds.
type Secret struct{ loaded }

// ParseSecret reads a docker config, or what is under "auths" in one, as Kubernetes keeps both in Secrets. The source
// names it in messages. The error is a *ConfigError if there are no credentials that can be used.
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
		return Secret{}, &ConfigError{Path: source, Cause: errors.New("it holds no credentials")}
	}
	return Secret{loaded{name: source, origin: FromSecret, config: config{Auths: parsed.Auths}, faults: faults}}, nil
}

// Build is what one build adds to the user's credentials, and what it needs them for. The zero value is a question to
// registries only.
type Build struct {
	// Secrets come before the user's own credentials, in their order.
	Secrets []Secret
	// Pushes and Images are the references of what is pushed, and of the other images that are named. The first of a
	// registry is what credentials for the registry as a whole are chosen by.
	Pushes, Images []string
}

// Provider returns what provides the credentials to one build on one builder.
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
