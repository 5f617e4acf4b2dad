package registryauth

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

const (
	// requestLimit is the timeout of one request, from the dial to the last byte of the response.
	requestLimit = 15 * time.Second
	// maxAnswer is the maximum size of a response of a registry or a token server, in bytes.
	maxAnswer = 1 << 20
	// maxRedirects is the maximum number of redirects of one request.
	maxRedirects = 5
)

// rules are the restrictions of a client for one registry and its token server. Every request with
// a credential is sent by a client of newClient, so that scheme, host, redirects, size and time are
// checked in one place.
type rules struct {
	transport *http.Transport
	limit     time.Duration          // of one request; 0 if its context bounds it
	plain     func(host string) bool // whether credentials may be sent to host[:port] without TLS; nil is never
	answer    int64                  // the maximum size of a response, in bytes; 0 is maxAnswer
}

// newClient is the only constructor of an HTTP client in this project's own code: see
// TestOneHTTPClient.
func newClient(r rules) *http.Client {
	return &http.Client{Transport: &guard{next: r.transport, plain: r.plain, answer: cmp.Or(r.answer, maxAnswer)}, CheckRedirect: checkRedirect, Timeout: r.limit}
}

// guard rejects requests that would expose a credential to the network, and limits the size of
// responses.
type guard struct {
	next   http.RoundTripper
	plain  func(host string) bool
	answer int64
}

// PlainError is returned for a request that would send a credential without TLS.
type PlainError struct{ URL string }

func (e *PlainError) Error() string {
	return e.URL + " has no TLS: no credentials were sent"
}

// Class returns fault.Denied.
func (*PlainError) Class() fault.Class { return fault.Denied }

// RedirectError is returned when a server redirects a request to a server that must not receive it.
type RedirectError struct {
	From, To string
	Endless  bool // there were too many redirects
}

func (e *RedirectError) Error() string {
	if e.Endless {
		return e.From + " redirects too often"
	}
	return fmt.Sprintf("%s redirects to %s: credentials are not sent there", e.From, e.To)
}

// Class returns fault.Denied.
func (*RedirectError) Class() fault.Class { return fault.Denied }

func (g *guard) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" && carriesCredentials(request) && (g.plain == nil || !g.plain(request.URL.Host)) {
		closeBody(request)
		return nil, &PlainError{URL: place(request.URL)}
	}
	response, err := g.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = &boundedBody{ReadCloser: response.Body, left: g.answer, limit: g.answer}
	return response, nil
}

// CloseIdleConnections is called by http.Client.
func (g *guard) CloseIdleConnections() {
	if closer, ok := g.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

func closeBody(request *http.Request) {
	if request.Body != nil {
		_ = request.Body.Close()
	}
}

// carriesCredentials reports whether the request has a credential, or a body: bodies are forms of
// token requests and manifests, which no other server may receive.
func carriesCredentials(request *http.Request) bool {
	return request.Header.Get("Authorization") != "" || request.Header.Get("Cookie") != "" ||
		request.Body != nil && request.Body != http.NoBody
}

// boundedBody returns an error at the limit, so that a truncated response is never used.
type boundedBody struct {
	io.ReadCloser
	left, limit int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the response is longer than %d bytes", b.limit)
	}
	p = p[:min(int64(len(p)), b.left)]
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}

// checkRedirect rejects redirects from TLS to plain HTTP, and with a credential to another server:
// net/http removes some headers for another domain, but neither for a subdomain or another port,
// nor a body.
func checkRedirect(next *http.Request, via []*http.Request) error {
	last := via[len(via)-1].URL
	if len(via) > maxRedirects {
		return &RedirectError{From: place(via[0].URL), To: place(next.URL), Endless: true}
	}
	downgrade := last.Scheme == "https" && next.URL.Scheme != "https"
	secret := slices.ContainsFunc(via, carriesCredentials) || carriesCredentials(next)
	if downgrade || secret && !sameServer(last, next.URL) {
		return &RedirectError{From: place(last), To: place(next.URL)}
	}
	return nil
}

// speaksPlain reports whether the server at the other end has no TLS. Not every server answers a
// TLS handshake with HTTP, which http.ErrSchemeMismatch stands for.
func speaksPlain(err error) bool {
	var record tls.RecordHeaderError
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record)
}

// sameServer reports whether host and port are the same, also if TLS replaces plain HTTP.
func sameServer(from, to *url.URL) bool {
	if from.Scheme == to.Scheme {
		return strings.EqualFold(canonical(from), canonical(to))
	}
	return to.Scheme == "https" && strings.EqualFold(from.Hostname(), to.Hostname()) && to.Port() == ""
}

// canonical returns host:port.
func canonical(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// place returns a URL without the parts that may be secret.
func place(u *url.URL) string {
	return escape.Bounded((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String(), maxQuote)
}

// withoutQuery removes the query, e.g. a signature, from the URL in an error of net/http.
func withoutQuery(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		if parsed, parsing := url.Parse(request.URL); parsing == nil {
			request.URL = place(parsed)
		}
	}
	return err
}

// authorities returns those of the PEM and the system's; nil for the system's alone.
func authorities(pem []byte) (*x509.CertPool, error) {
	if len(pem) == 0 {
		return nil, nil
	}
	pool := systemAuthorities()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("trusting the registries' CA: it holds no certificate in PEM")
	}
	return pool, nil
}

func systemAuthorities() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return x509.NewCertPool()
	}
	return pool
}

// trusting returns a configuration that verifies servers with these authorities; nil is the
// system's.
func trusting(pool *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// trustingAll returns a configuration that verifies nothing, for insecure registries of the user.
func trustingAll() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}

// sameName permits plain HTTP to the registry's own host name, at any port: its token server often
// has the same name.
func sameName(registry string) func(host string) bool {
	return func(host string) bool { return strings.EqualFold(nameOf(host), nameOf(registry)) }
}

// nameOf returns a host without its port.
func nameOf(host string) string {
	return (&url.URL{Host: host}).Hostname()
}

func transport(config *tls.Config) *http.Transport {
	t := &http.Transport{}
	if base, ok := http.DefaultTransport.(*http.Transport); ok {
		t = base.Clone()
	}
	if config != nil {
		t.TLSClientConfig = config
	}
	t.Proxy = proxyOf
	t.MaxResponseHeaderBytes = maxAnswer
	return t
}

// proxyOf returns the proxy of the environment for the request; nil for none.
func proxyOf(request *http.Request) (*url.URL, error) {
	return httpproxy.FromEnvironment().ProxyFunc()(request.URL)
}

// proxyFor returns the proxy for requests to the URL, without its password; "" for none.
func proxyFor(target string) string {
	parsed, err := url.Parse(target)
	if err != nil {
		return ""
	}
	proxy, err := proxyOf(&http.Request{URL: parsed})
	if err != nil || proxy == nil {
		return ""
	}
	return (&url.URL{Scheme: proxy.Scheme, Host: proxy.Host}).String()
}
