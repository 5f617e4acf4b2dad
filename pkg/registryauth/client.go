package registryauth

import (
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
	// requestLimit bounds one request, from the dial to the last byte of its answer.
	requestLimit = 15 * time.Second
	// maxAnswer bounds, in bytes, what is read of any answer of a registry or a token server.
	maxAnswer = 1 << 20
	// maxRedirects bounds how often one request is redirected.
	maxRedirects = 5
)

// rules are what the one client of this package obeys for one registry and its token server. Every request that
// carries a credential goes through a client made here, so that scheme, host, redirects, size and time are decided in
// one place.
type rules struct {
	transport *http.Transport
	limit     time.Duration          // of one request; 0 if its context bounds it
	plain     func(host string) bool // whether credentials may be sent to host[:port] without TLS; nil is never
}

// newClient is the only constructor of an HTTP client in this project's own code: see TestOneHTTPClient.
func newClient(r rules) *http.Client {
	return &http.Client{Transport: &guard{next: r.transport, plain: r.plain}, CheckRedirect: checkRedirect, Timeout: r.limit}
}

// guard refuses requests that would show a credential to the network, and bounds answers.
type guard struct {
	next  http.RoundTripper
	plain func(host string) bool
}

// PlainError is returned when a credential was about to be sent without TLS.
type PlainError struct{ URL string }

func (e *PlainError) Error() string {
	return e.URL + " has no TLS: no credentials were sent"
}

// Class returns fault.Denied.
func (*PlainError) Class() fault.Class { return fault.Denied }

// RedirectError is returned when a server redirects a request to where it must not go.
type RedirectError struct {
	From, To string
	Endless  bool // it is the last of many
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
	response.Body = &boundedBody{ReadCloser: response.Body, left: maxAnswer}
	return response, nil
}

// CloseIdleConnections is what http.Client looks for.
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

// carriesCredentials is true of all bodies: the only ones that are sent are the forms of token requests.
func carriesCredentials(request *http.Request) bool {
	return request.Header.Get("Authorization") != "" || request.Header.Get("Cookie") != "" ||
		request.Body != nil && request.Body != http.NoBody
}

// boundedBody fails instead of ending, so that half an answer is never taken for a whole one.
type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	p = p[:min(int64(len(p)), b.left)]
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}

// checkRedirect never goes from TLS to plain HTTP, and with a credential never to another server: net/http drops some
// headers on the way to another domain, but neither on the way to a subdomain or another port, nor a body.
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

// speaksPlain reports whether the server at the other end has no TLS. Not every server answers a TLS handshake with
// HTTP, which http.ErrSchemeMismatch stands for.
func speaksPlain(err error) bool {
	var record tls.RecordHeaderError
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record)
}

// sameServer is true also of the same name with TLS in place of plain HTTP.
func sameServer(from, to *url.URL) bool {
	if from.Scheme == to.Scheme {
		return strings.EqualFold(canonical(from), canonical(to))
	}
	return to.Scheme == "https" && strings.EqualFold(from.Hostname(), to.Hostname()) && to.Port() == ""
}

// canonical is host:port.
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

// place is a URL without what may be secret in it.
func place(u *url.URL) string {
	return escape.Bounded((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String(), maxQuote)
}

// withoutQuery takes the query, e.g. a signature, out of the URL that an error of net/http names.
func withoutQuery(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		if parsed, parsing := url.Parse(request.URL); parsing == nil {
			request.URL = place(parsed)
		}
	}
	return err
}

// authorities are those of the PEM and the system's; nil is the system's alone.
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

// trusting verifies servers by these authorities; nil is the system's.
func trusting(pool *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// trustingAll is for registries that the user calls insecure.
func trustingAll() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}

// sameName permits plain HTTP to the registry's own name, at any port: its token server often is beside it.
func sameName(registry string) func(host string) bool {
	return func(host string) bool { return strings.EqualFold(nameOf(host), nameOf(registry)) }
}

// nameOf is a host without its port.
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

// proxyFor is the proxy that requests to the URL go through, without its password; "" for none.
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
