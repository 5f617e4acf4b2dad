package registryauth

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/session"
)

// Steps shows the steps of the provider, e.g. in the progress display.
type Steps interface {
	Step(name string) (end func(error))
}

// Provider provides credentials and tokens to the daemons of one builder, in any number of
// sessions, and checks them at registries, for one build.
type Provider struct {
	keychain  *keychain
	authority *authority
	lookupEnv func(string) (string, bool)
	limit     time.Duration // of one request

	mu sync.Mutex
	// trusted is closed by settleTrust, when the trusted authorities are final.
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
	shown       map[string]bool
	hosts       map[string]*host
}

// host is the state of a registry for which the daemon has requested credentials.
type host struct {
	credentials Credentials
	refused     []Credentials
	unread      *SourceError
	failures    []failure
}

// failure is the error of fetching a token; refused if the server denied it.
type failure struct {
	*TokenError
	refused bool
}

// Session returns the service for sessions with the daemon, which also explains the daemon's
// errors. It shows its work as steps; nil shows nothing.
func (p *Provider) Session(steps Steps) session.Attachable { return &server{provider: p, steps: steps} }

// Trust adds certificate authorities, in PEM, for requests of this client to
// registries and token servers, and the hosts of insecure registries, whose
// certificate is not verified and which may use plain HTTP. A Preflight that does
// not trust a registry waits for this call.
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

// registryAt returns the registry at this host, with the client for it and its token
// server.
func (p *Provider) registryAt(host string) *registry {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, insecure := p.rulesFor(host)
	client := p.clients[host]
	if client == nil {
		client = newClient(r)
		p.clients[host] = client
	}
	return newRegistry(client, host, insecure)
}

// manifestClient returns a client for manifests, and whether the registry is insecure.
func (p *Provider) manifestClient(host string) (client *http.Client, insecure bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, insecure := p.rulesFor(host)
	r.answer = maxManifest
	return newClient(r), insecure
}

// rulesFor returns the rules for requests to the host, and whether it is insecure. The caller holds
// the lock.
func (p *Provider) rulesFor(host string) (r rules, insecure bool) {
	switch special := p.contexts[host]; {
	case special != nil:
		return rules{transport: transport(special), limit: p.limit}, false
	case p.isInsecure(host):
		return rules{transport: transport(trustingAll()), limit: p.limit, plain: p.plainFor(host)}, true
	}
	return rules{transport: transport(trusting(p.authorities)), limit: p.limit}, false
}

func (p *Provider) newClient(t *http.Transport, plain func(host string) bool) *http.Client {
	return newClient(rules{transport: t, limit: p.limit, plain: plain})
}

// plainFor permits plain HTTP to an insecure registry, to a token server of the same name, and to
// other insecure hosts.
func (p *Provider) plainFor(registry string) func(host string) bool {
	same, insecure := sameName(registry), slices.Clone(p.insecure)
	return func(host string) bool { return same(host) || slices.Contains(insecure, host) }
}

// isInsecure reports whether the host is an insecure registry. The caller holds the lock.
func (p *Provider) isInsecure(host string) bool { return slices.Contains(p.insecure, shownHost(host)) }

func (p *Provider) insecureHost(host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isInsecure(host)
}

// note records the credentials that were found for the host.
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

// firstTime reports whether the name of a step was not used before.
func (p *Provider) firstTime(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	again := p.shown[name]
	p.shown[name] = true
	return !again
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
