package registryauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	authutil "github.com/containerd/containerd/v2/core/remotes/docker/auth"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// maxReply is how much of a registry's error response is read, in bytes.
const maxReply = 64 << 10

// registry is a client of a registry that checks credentials.
type registry struct {
	client   *http.Client
	host     string // of requests
	insecure bool   // plain HTTP is allowed, with credentials
	offline  bool   // an identity token is requested too
	scheme   string // the detected scheme, http or https
}

// reply is a registry's response, without the body of a success.
type reply struct {
	code       int
	challenges []authutil.Challenge
	body       []byte
	page       bool   // a web page, which a registry does not return
	sent       string // the Authorization that the request had; may be empty
}

// authorization is how requests to the registry are authorized.
type authorization struct {
	header  string // Authorization, "" for none
	refresh string // an identity token, if the token server returned one
	bearer  bool   // the header has a token of a token server
}

func newRegistry(client *http.Client, host string, insecure bool) *registry {
	return &registry{client: client, host: host, insecure: insecure, scheme: "https"}
}

// question is a request to a registry.
type question struct {
	method, path string
	scope        string // of the token, in place of what the registry's challenge names; may be empty
	unscoped     bool   // the token is for the account alone
}

// ask sends the request, and again with the credentials if the registry requires
// authentication.
func (r *registry) ask(ctx context.Context, q question, credentials Credentials) (*reply, authorization, error) {
	first, err := r.send(ctx, q.method, q.path, authorization{})
	if err != nil || first.code != http.StatusUnauthorized {
		return first, authorization{}, err
	}
	s, err := r.authorize(ctx, first, q, credentials)
	if err != nil || s.header == "" {
		return first, s, err
	}
	second, err := r.send(ctx, q.method, q.path, s)
	return second, s, err
}

// send sends one request. For an insecure registry without TLS it uses plain HTTP.
func (r *registry) send(ctx context.Context, method, path string, s authorization) (*reply, error) {
	got, err := r.sendOnce(ctx, method, path, s)
	if speaksPlain(err) && r.insecure {
		r.scheme = "http"
		got, err = r.sendOnce(ctx, method, path, s)
	}
	return got, err
}

func (r *registry) sendOnce(ctx context.Context, method, path string, s authorization) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.scheme+"://"+r.host+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", clientID)
	if s.header != "" {
		req.Header.Set("Authorization", s.header)
	}
	response, err := r.client.Do(req)
	if err != nil {
		return nil, withoutQuery(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusProxyAuthRequired {
		return nil, errors.New(statusText(response.StatusCode))
	}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	got := &reply{
		code: response.StatusCode, challenges: authutil.ParseAuthHeader(response.Header), page: media == "text/html", sent: s.header,
	}
	if got.code >= http.StatusBadRequest {
		got.body, _ = io.ReadAll(io.LimitReader(response.Body, maxReply)) // a truncated message is better than none
	}
	return got, nil
}

// authorize returns the authorization for the registry's challenge; an empty one if
// the challenge requires a password and there is none.
func (r *registry) authorize(ctx context.Context, refusal *reply, q question, credentials Credentials) (authorization, error) {
	if credentials.RegistryToken != "" {
		return authorization{header: "Bearer " + credentials.RegistryToken}, nil
	}
	for _, challenge := range refusal.challenges {
		switch {
		case challenge.Scheme == authutil.BearerAuth:
			return r.bearer(ctx, challenge, q, credentials)
		case challenge.Scheme == authutil.BasicAuth && credentials.Username != "":
			pair := credentials.Username + ":" + credentials.Secret
			return authorization{header: "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}, nil
		}
	}
	return authorization{}, nil
}

func (r *registry) bearer(ctx context.Context, challenge authutil.Challenge, q question, credentials Credentials) (authorization, error) {
	options, err := authutil.GenerateTokenOptions(ctx, r.host, "", "", challenge)
	if err == nil {
		err = checkRealm(options.Realm)
	}
	if err != nil {
		return authorization{}, err
	}
	switch {
	case q.unscoped:
		options.Scopes = nil
	case q.scope != "":
		options.Scopes = []string{q.scope} // the scope of some challenges is smaller than needed, e.g. those of ghcr.io, or larger
	}
	options.FetchRefreshToken = r.offline
	got, err := fetchToken(ctx, r.client, options, credentials, q.scope)
	if err != nil {
		return authorization{}, &TokenError{Host: shownHost(r.host), Realm: shownRealm(options.Realm), Proxy: proxyFor(options.Realm), Cause: &answerError{answered(err, credentials), err}}
	}
	return authorization{header: "Bearer " + got.token, refresh: got.refresh, bearer: true}, nil
}

// refuses reports whether the registry itself denies access. A 403 alone may come
// from a proxy or a firewall.
func (a *reply) refuses() bool {
	codes, words := a.errors()
	about := func(code string) bool { return slices.Contains(codes, code) }
	switch a.code {
	case http.StatusUnauthorized:
		return len(a.challenges) > 0 || about("UNAUTHORIZED") || about("DENIED")
	case http.StatusForbidden:
		return (about("DENIED") || about("UNAUTHORIZED")) && !aboutAddress(words)
	}
	return false
}

// aboutAddress reports whether the message is about this machine's IP address and not
// about the credentials. The builder has another address.
func aboutAddress(words string) bool {
	words = strings.ToLower(words)
	return strings.Contains(words, "firewall") || strings.Contains(words, "client with ip") || strings.Contains(words, "ip address")
}

// errors returns the errors in a response of a registry or a token server.
func (a *reply) errors() (codes []string, words string) {
	var body struct {
		Errors      []struct{ Code, Message string }
		Details     string
		Description string `json:"error_description"`
	}
	if json.Unmarshal(a.body, &body) != nil {
		return nil, ""
	}
	messages := []string{}
	for _, each := range body.Errors {
		codes, messages = append(codes, each.Code), append(messages, each.Message)
	}
	for _, text := range []string{body.Details, body.Description} {
		if text != "" {
			messages = append(messages, text)
		}
	}
	return codes, strings.Join(messages, "; ")
}

// message returns the response in one line, without the secret.
func (a *reply) message(sent Credentials) string {
	_, words := a.errors()
	_, token, _ := strings.Cut(a.sent, " ")
	if words = sent.quoted(words); words != "" && !(Credentials{RegistryToken: token}).repeats(words) {
		return statusText(a.code) + ": " + words
	}
	return statusText(a.code)
}

// answerError is returned for an error response of a token server, with a message that is safe to
// print.
type answerError struct {
	text string
	err  error
}

func (e *answerError) Error() string { return e.text }
func (e *answerError) Unwrap() error { return e.err }

// Class returns fault.Failed.
func (*answerError) Class() fault.Class { return fault.Failed }
