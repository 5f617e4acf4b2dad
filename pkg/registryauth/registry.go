package registryauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	authutil "github.com/containerd/containerd/v2/core/remotes/docker/auth"
)

// maxReply bounds, in bytes, what is read of a registry's refusal.
const maxReply = 64 << 10

// registry is asked over HTTP, as far as it takes to see what credentials are
// worth there.
type registry struct {
	client   *http.Client
	host     string // that requests go to
	insecure bool   // it may be asked over plain HTTP, with credentials
	offline  bool   // an identity token is wanted as well
	scope    string // asked for beside what the registry's challenge names; may be empty
	scheme   string // what it was found to speak
}

// reply is a registry's answer, without the body of a success.
type reply struct {
	code       int
	status     string
	location   string
	challenges []authutil.Challenge
	body       []byte
}

// authorization is how requests to the registry are authorized.
type authorization struct {
	header  string // Authorization, "" for none
	refresh string // an identity token, if the token server gave one
}

func newRegistry(client *http.Client, host string, insecure bool) *registry {
	return &registry{client: client, host: host, insecure: insecure, scheme: "https"}
}

// ask sends the request, and once more with the credentials if the registry wants
// to know who asks. An insecure registry is asked over HTTP where it has no TLS.
func (r *registry) ask(ctx context.Context, method, path string, credentials Credentials) (*reply, authorization, error) {
	first, err := r.send(ctx, method, path, authorization{})
	if errors.Is(err, http.ErrSchemeMismatch) && r.insecure {
		r.scheme = "http"
		first, err = r.send(ctx, method, path, authorization{})
	}
	if err != nil || first.code != http.StatusUnauthorized {
		return first, authorization{}, err
	}
	s, err := r.authorize(ctx, first, credentials)
	if err != nil || s.header == "" {
		return first, s, err
	}
	second, err := r.send(ctx, method, path, s)
	return second, s, err
}

func (r *registry) send(ctx context.Context, method, path string, s authorization) (*reply, error) {
	target := path
	if !strings.Contains(path, "://") {
		target = r.scheme + "://" + r.host + path
	}
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", clientID)
	if s.header != "" {
		req.Header.Set("Authorization", s.header)
	}
	response, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	got := &reply{code: response.StatusCode, status: response.Status, challenges: authutil.ParseAuthHeader(response.Header)}
	if location, err := response.Location(); err == nil {
		got.location = location.String()
	}
	if got.code >= http.StatusBadRequest {
		got.body, _ = io.ReadAll(io.LimitReader(response.Body, maxReply)) // half of a message is better than none
	}
	return got, nil
}

// authorize does what the registry's challenge asks for. There is no
// authorization if it asks for a password and none is known.
func (r *registry) authorize(ctx context.Context, refusal *reply, credentials Credentials) (authorization, error) {
	if credentials.RegistryToken != "" {
		return authorization{header: "Bearer " + credentials.RegistryToken}, nil
	}
	for _, challenge := range refusal.challenges {
		switch {
		case challenge.Scheme == authutil.BearerAuth:
			return r.bearer(ctx, challenge, credentials)
		case challenge.Scheme == authutil.BasicAuth && credentials.Username != "":
			pair := credentials.Username + ":" + credentials.Secret
			return authorization{header: "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}, nil
		}
	}
	return authorization{}, nil
}

func (r *registry) bearer(ctx context.Context, challenge authutil.Challenge, credentials Credentials) (authorization, error) {
	options, err := authutil.GenerateTokenOptions(ctx, r.host, "", "", challenge)
	if err != nil {
		return authorization{}, err
	}
	realm, err := url.Parse(options.Realm)
	if err != nil || realm.Host == "" {
		return authorization{}, fmt.Errorf("its token server is %q, which is no URL", options.Realm)
	}
	if realm.Scheme != "https" && !r.insecure && credentials.Secret != "" {
		return authorization{}, fmt.Errorf("its token server %s has no TLS: no credentials were sent", options.Realm)
	}
	if r.scope != "" && !slices.Contains(options.Scopes, r.scope) {
		options.Scopes = append(options.Scopes, r.scope) // some ask for less than they want, e.g. ghcr.io
	}
	options.FetchRefreshToken = r.offline
	got, err := fetchToken(ctx, r.client, options, credentials)
	if err != nil {
		return authorization{}, &TokenError{Host: shownHost(r.host), Realm: options.Realm, Cause: err}
	}
	return authorization{header: "Bearer " + got.token, refresh: got.refresh}, nil
}

// refuses says whether the registry itself says no. A 403 alone may be of a proxy
// or a firewall that stands between it and this machine only.
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

// aboutAddress says whether a refusal is of this machine's address and not of the
// credentials. The builder has another address.
func aboutAddress(words string) bool {
	words = strings.ToLower(words)
	return strings.Contains(words, "firewall") || strings.Contains(words, "client with ip") || strings.Contains(words, "ip address")
}

// errors are those of the registry's protocol.
func (a *reply) errors() (codes []string, words string) {
	var body struct {
		Errors []struct{ Code, Message string }
	}
	if json.Unmarshal(a.body, &body) != nil {
		return nil, ""
	}
	var messages []string
	for _, each := range body.Errors {
		codes, messages = append(codes, each.Code), append(messages, each.Message)
	}
	return codes, strings.Join(messages, "; ")
}

// said is the answer in words, without the secret should the registry repeat it.
func (a *reply) said(secret string) string {
	if _, words := a.errors(); words != "" && (secret == "" || !strings.Contains(words, secret)) && len(words) < 2*maxHelperText {
		return a.status + ": " + words
	}
	return a.status
}
