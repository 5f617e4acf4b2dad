package registryauth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"sync"

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
}

// Provider serves credentials and tokens to the daemon, in any number of
// sessions.
type Provider struct {
	keychain  *keychain
	authority *authority
	lookupEnv func(string) (string, bool)

	mu     sync.Mutex
	client *http.Client
	// trusted is closed by settleTrust, when client will not change any more.
	trusted     chan struct{}
	settleTrust func()
	authorities *x509.CertPool // that Trust brought; nil is the system's
	insecure    []string       // hosts
	contexts    map[string]*tls.Config
	steps       Steps
	shown       map[string]bool
	hosts       map[string]*host
}

// host is what is known about a registry after it was asked for.
type host struct {
	credentials Credentials
	unread      *SourceError
	failures    []failure
}

// failure is a token that could not be fetched; refused if the server said no.
type failure struct {
	*TokenError
	refused bool
}

var _ session.Attachable = (*Provider)(nil)

// New reads the docker config. Credential helpers are not asked yet.
func New(opts Options) (*Provider, error) {
	path := filepath.Join(opts.Directory, configFile)
	file, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	chain := &keychain{path: path, file: file, known: map[string]answer{}}
	if text, _ := opts.LookupEnv(authEnv); text != "" {
		env, err := parseConfig(authEnv, []byte(text))
		if err != nil {
			return nil, err
		}
		chain.env = env.Auths
	}
	trusted := make(chan struct{})
	return &Provider{
		trusted: trusted, settleTrust: sync.OnceFunc(func() { close(trusted) }),
		keychain:  chain,
		authority: &authority{path: filepath.Join(opts.Directory, seedFile)},
		lookupEnv: opts.LookupEnv,
		client:    &http.Client{Transport: transport(nil)},
		shown:     map[string]bool{},
		hosts:     map[string]*host{},
	}, nil
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
	client, err := clientTrusting(pem)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.client, p.authorities, p.insecure = client, pool, insecure
	p.settleTrust()
	return nil
}

// clientFor asks the registry that requests go to at this host, and its token
// server.
func (p *Provider) clientFor(host string) (client *http.Client, insecure bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if special := p.special(host); special != nil {
		return special, false
	}
	if slices.Contains(p.insecure, shownHost(host)) {
		return clientTrustingAll(), true
	}
	return p.client, false
}

// Lend adds the credentials of another docker config, or of what is under "auths"
// in one, as Kubernetes keeps both in Secrets. For the hosts it names they come
// before all that were lent later and before the user's own; so it is called
// before any are used. The source names it in messages.
func (p *Provider) Lend(source string, text []byte) error {
	parsed, err := parseConfig(source, text)
	if err == nil && parsed.Auths == nil && len(text) > 0 {
		err = parseInto(source, text, &parsed.Auths)
	}
	if err != nil {
		return err
	}
	if len(parsed.Auths) == 0 {
		return &ConfigError{Path: source, Cause: errors.New("it holds no credentials")}
	}
	p.keychain.mu.Lock()
	defer p.keychain.mu.Unlock()
	p.keychain.lent = append(p.keychain.lent, lent{name: source, auths: parsed.Auths})
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
	return p.keychain.file.Proxies["default"].arguments()
}

// Register offers the credentials to the session.
func (p *Provider) Register(to *grpc.Server) {
	auth.RegisterAuthServer(to, &server{provider: p})
}

// note remembers what was found for the host.
func (p *Provider) note(name string, credentials Credentials, unread *SourceError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.hosts[name]
	if known == nil {
		known = &host{}
		p.hosts[name] = known
	}
	known.credentials, known.unread = credentials, unread
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
