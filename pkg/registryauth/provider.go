package registryauth

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth"
	"google.golang.org/grpc"
)

// Steps shows what the provider does, e.g. in the progress display.
type Steps interface {
	Step(name string) (end func(error))
}

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

// Provider serves credentials and tokens to the daemon, in any number of
// sessions.
type Provider struct {
	keychain  *keychain
	authority *authority
	lookupEnv func(string) (string, bool)
	limit     time.Duration // of one request

	mu sync.Mutex
	// trusted is closed by settleTrust, when it will not change any more whom to trust.
	trusted     chan struct{}
	settleTrust func()
	authorities *x509.CertPool // that Trust brought; nil is the system's
	insecure    []string       // hosts
	contexts    map[string]*tls.Config
	clients     map[string]*http.Client // by host
	wishes      map[string]*asked       // by host
	named       []purpose               // by the build
	preferred   map[purpose]int         // the index of the source that was not refused
	scopes      map[string][]string     // that were asked for, by host
	steps       Steps
	shown       map[string]bool
	hosts       map[string]*host
}

// host is what is known about a registry after it was asked for.
type host struct {
	credentials Credentials
	refused     []Credentials
	unread      *SourceError
	failures    []failure
}

// failure is a token that could not be fetched; refused if the server said no.
type failure struct {
	*TokenError
	refused bool
}

var _ session.Attachable = (*Provider)(nil)

// New reads the docker config. Credential helpers are not asked yet. What cannot be read is no error: Warnings has it.
func New(opts Options) *Provider {
	chain := &keychain{helpers: newPrograms(), scoped: findScoped(opts)}
	authority := &authority{}
	if opts.Directory != "" {
		path := filepath.Join(opts.Directory, configFile)
		parsed, faults := readConfig(path)
		chain.file = loaded{name: path, origin: FromFile, config: parsed, faults: faults}
		authority.path = filepath.Join(opts.Directory, seedFile)
	}
	if text, _ := opts.LookupEnv(authEnv); text != "" {
		parsed, faults := parseConfig(authEnv, []byte(text))
		parsed.Store, parsed.HostHelpers = "", nil
		chain.env = loaded{name: authEnv, origin: FromEnvironment, config: parsed, faults: faults}
	}
	trusted := make(chan struct{})
	return &Provider{
		trusted: trusted, settleTrust: sync.OnceFunc(func() { close(trusted) }),
		keychain: chain, authority: authority, lookupEnv: opts.LookupEnv, limit: requestLimit,
		clients: map[string]*http.Client{}, wishes: map[string]*asked{}, preferred: map[purpose]int{}, scopes: map[string][]string{},
		shown: map[string]bool{}, hosts: map[string]*host{},
	}
}

// Warnings are the sentences about what could not be read.
func (p *Provider) Warnings() []string {
	var list []string
	for _, from := range []loaded{p.keychain.env, p.keychain.file} {
		for _, fault := range from.faults {
			list = append(list, fault.Error())
		}
	}
	return list
}

// Trust adds certificate authorities, in PEM, for what is asked of registries and
// token servers from here, beside those of the system, and hosts of registries
// that need no certificate, nor TLS at all. A Preflight that met a registry it
// does not trust has waited for this call, whatever it brings.
func (p *Provider) Trust(pem []byte, insecure ...string) error {
	pool, err := authorities(pem)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.authorities, p.insecure = pool, insecure
	clear(p.clients)
	clear(p.wishes)
	p.settleTrust()
	return nil
}

// registryAt asks the registry that requests go to at this host, and its token
// server.
func (p *Provider) registryAt(host string) *registry {
	p.mu.Lock()
	defer p.mu.Unlock()
	special, insecure := p.contexts[host], p.isInsecure(host)
	insecure = insecure && special == nil
	client := p.clients[host]
	if client == nil {
		switch {
		case special != nil:
			client = p.newClient(transport(special), nil)
		case insecure:
			client = p.newClient(transport(trustingAll()), p.plainFor(host))
		default:
			client = p.newClient(transport(trusting(p.authorities)), nil)
		}
		p.clients[host] = client
	}
	return newRegistry(client, host, insecure)
}

func (p *Provider) newClient(t *http.Transport, plain func(host string) bool) *http.Client {
	return newClient(rules{transport: t, limit: p.limit, plain: plain})
}

// plainFor permits plain HTTP to an insecure registry, to a token server of the same name, and to other insecure hosts.
func (p *Provider) plainFor(registry string) func(host string) bool {
	same, insecure := sameName(registry), slices.Clone(p.insecure)
	return func(host string) bool { return same(host) || slices.Contains(insecure, host) }
}

// isInsecure is for callers that hold the lock.
func (p *Provider) isInsecure(host string) bool { return slices.Contains(p.insecure, shownHost(host)) }

func (p *Provider) insecureHost(host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isInsecure(host)
}

// Lend adds the credentials of another docker config, or of what is under "auths"
// in one, as Kubernetes keeps both in Secrets. They come before the user's own, in
// the order in which they were added; so it is called before any are used. The
// source names it in messages.
func (p *Provider) Lend(source string, text []byte) error {
	parsed, faults := parseConfig(source, text)
	usable := slices.ContainsFunc(slices.Collect(maps.Values(parsed.Auths)), func(e entry) bool { return !e.empty() })
	if len(faults) > 0 && !faults[0].Used && !usable {
		return faults[0]
	}
	if parsed.Auths == nil && parsed.Store == "" && parsed.HostHelpers == nil && len(text) > 0 {
		if fault := parseInto(source, text, &parsed.Auths); fault != nil {
			return fault
		}
	}
	if len(parsed.Auths) == 0 {
		return &ConfigError{Path: source, Cause: errors.New("it holds no credentials")}
	}
	p.keychain.lent = append(p.keychain.lent, loaded{name: source, origin: FromSecret, config: config{Auths: parsed.Auths}, faults: faults})
	return nil
}

// ShowIn makes steps show what is done for the daemon.
func (p *Provider) ShowIn(steps Steps) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps = steps
}

// Proxies are the docker config's proxies for builds, as build arguments.
func (p *Provider) Proxies() map[string]string {
	return p.keychain.file.config.Proxies["default"].arguments()
}

// Register offers the credentials to the session.
func (p *Provider) Register(to *grpc.Server) {
	auth.RegisterAuthServer(to, &server{provider: p})
}

// note remembers what was found for the host.
func (p *Provider) note(name string, credentials Credentials, unread *SourceError, refused []Credentials) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.hosts[name]
	if known == nil {
		known = &host{}
		p.hosts[name] = known
	}
	known.credentials, known.unread, known.refused = credentials, unread, refused
}

func (p *Provider) noteFailure(err *TokenError, refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.hosts[err.Host]; known != nil {
		known.failures = append(known.failures, failure{err, refused})
	}
}

// show tells once that something is done.
func (p *Provider) show(name string) (end func(error)) {
	p.mu.Lock()
	steps, again := p.steps, p.shown[name]
	p.shown[name] = true
	p.mu.Unlock()
	if steps == nil || again {
		return func(error) {}
	}
	return steps.Step(name)
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
