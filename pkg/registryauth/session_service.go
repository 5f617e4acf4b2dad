package registryauth

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	authutil "github.com/containerd/containerd/v2/core/remotes/docker/auth"
	"github.com/moby/buildkit/session/auth"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// tokenLife is the lifetime of a token whose server does not report one, in seconds.
	tokenLife = 60
	// fetchLimit is the timeout for fetching one token. The daemon waits a minute.
	fetchLimit = 50 * time.Second
	// daemonTokensEnv is the variable that makes the daemon fetch tokens, for token
	// servers that only it can reach. It then receives the password.
	daemonTokensEnv = "BUILDKIT_NO_CLIENT_TOKEN"
)

// server serves the daemon's requests for credentials.
type server struct {
	auth.UnimplementedAuthServer
	provider *Provider
	steps    Steps
}

// Register registers the service with the session.
func (s *server) Register(to *grpc.Server) { auth.RegisterAuthServer(to, s) }

// Explain returns a *DeniedError or a *TokenError that wraps err, if err is the daemon's report of
// a registry that denied access; else err as it is.
func (s *server) Explain(err error) error { return s.provider.Explain(err) }

// show shows a step once.
func (s *server) show(name string) (end func(error)) {
	if !s.provider.firstTime(name) || s.steps == nil {
		return func(error) {}
	}
	return s.steps.Step(name)
}

// Credentials returns the password to the daemon, if the registry itself requires it
// with every request: the daemon's request is not enough.
func (s *server) Credentials(ctx context.Context, req *auth.CredentialsRequest) (*auth.CredentialsResponse, error) {
	p := s.provider
	at := p.purposeOf(req.Host)
	credentials := s.accepted(ctx, at)
	if credentials.anonymous() {
		return &auth.CredentialsResponse{}, nil
	}
	if !s.daemonFetches() {
		if why := p.withheld(ctx, at, func(w wishes) bool { return w.basic }); why != "" {
			s.show("[auth] credentials for " + req.Host + " are not shared: " + why)(nil)
			return &auth.CredentialsResponse{}, nil
		}
	}
	if credentials.Secret != "" {
		s.show("[auth] sharing credentials for " + req.Host)(nil)
	}
	return &auth.CredentialsResponse{Username: credentials.Username, Secret: credentials.Secret}, nil
}

// withheld returns why the daemon must not receive the credentials; empty if it may. If this
// machine cannot reach the registry, the daemon receives them if the user named the registry: a
// malicious daemon could name any host.
func (p *Provider) withheld(ctx context.Context, at purpose, wanted func(wishes) bool) string {
	own := p.wishesOf(ctx, at)
	switch {
	case wanted(own):
		return ""
	case own.err == nil:
		return "the registry does not ask for them"
	case p.isNamed(at.host):
		return ""
	}
	return fmt.Sprintf("this machine cannot ask the registry (%v), and the build does not name it: --registry-auth %s does", own.err, shownHost(at.host))
}

// accepted returns the first credentials that the registry does not refuse for the purpose. It
// tries them only if there are several.
func (s *server) accepted(ctx context.Context, at purpose) Credentials {
	p := s.provider
	if len(p.sourcesFor(at)) > 1 && at.path != "" {
		ctx, cancel := context.WithTimeout(ctx, preflightLimit)
		defer cancel()
		a := p.access(ctx, at)
		s.showUnread(a.unread)
		return a.credentials
	}
	return s.find(ctx, at)
}

// FetchToken fetches a token on this machine, so that the daemon never receives the password.
func (s *server) FetchToken(ctx context.Context, req *auth.FetchTokenRequest) (*auth.FetchTokenResponse, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchLimit, fmt.Errorf("no token in %v", fetchLimit))
	defer cancel()
	p := s.provider
	at, newest := p.purposeOfScopes(req.Host, req.Scopes)
	end := s.show("[auth] token for " + req.Host + " " + scopeNames(req.Scopes))
	response, err := s.fetch(ctx, req, at, newest)
	if err != nil {
		failure := &TokenError{Host: req.Host, Realm: shownRealm(req.Realm), Proxy: proxyFor(req.Realm), Cause: err}
		p.noteFailure(failure, refusedStatus(err))
		end(failure)
		return nil, status.Error(codes.Unknown, failure.Error())
	}
	end(nil)
	return response, nil
}

// fetch fetches a token with the first credentials that are not refused. With several sources it
// tries the token at the registry: most token servers return one to any account, without the
// permissions that the account does not have.
func (s *server) fetch(ctx context.Context, req *auth.FetchTokenRequest, at purpose, newest string) (*auth.FetchTokenResponse, error) {
	p := s.provider
	sources := p.sourcesFor(at)
	var refused []Credentials
	var unread *SourceError
	var first struct {
		token *auth.FetchTokenResponse
		err   error
	}
	for i, each := range sources {
		credentials, err := each.read(ctx)
		if credentials.anonymous() {
			if unread == nil {
				unread = err
			}
			continue
		}
		got, fetching := s.tokenWith(ctx, req, at, credentials, newest)
		certainly := refusedStatus(fetching) || fetching == nil && len(sources) > 1 && (i+1 < len(sources) || len(refused) > 0) && p.worthless(ctx, at, got)
		if !certainly {
			p.note(req.Host, credentials, nil, refused)
			if len(refused) > 0 && fetching == nil {
				p.prefer(at, each)
				s.show(fmt.Sprintf("[auth] %s refuses %s: using %s", req.Host, refused[0].described(), credentials.described()))(nil)
			}
			return got, fetching
		}
		if len(refused) == 0 {
			first.token, first.err = got, fetching
		}
		refused = append(refused, credentials)
	}
	if len(refused) > 0 {
		p.note(req.Host, refused[0], nil, refused[1:])
		return first.token, first.err
	}
	p.note(req.Host, Credentials{}, unread, nil)
	s.showUnread(unread)
	return s.tokenWith(ctx, req, at, Credentials{}, newest)
}

func (s *server) tokenWith(ctx context.Context, req *auth.FetchTokenRequest, at purpose, credentials Credentials, newest string) (*auth.FetchTokenResponse, error) {
	p := s.provider
	if credentials.RegistryToken != "" {
		if why := p.withheld(ctx, at, func(w wishes) bool { return w.bearer != nil }); why != "" {
			return nil, fmt.Errorf("the token from %s is not shared: %s", credentials.Source, why)
		}
		return &auth.FetchTokenResponse{Token: credentials.RegistryToken, ExpiresIn: tokenLife}, nil
	}
	said := authutil.TokenOptions{Realm: req.Realm, Service: req.Service, Scopes: req.Scopes}
	options, err := p.tokenServer(ctx, at, said, credentials.Secret != "")
	if err != nil {
		return nil, err
	}
	got, err := fetchToken(ctx, p.registryAt(req.Host).client, options, credentials, newest)
	if err != nil {
		return nil, &answerError{answered(err, credentials), err}
	}
	return token(got), nil
}

// worthless reports whether the registry denies the purpose with this token.
func (p *Provider) worthless(ctx context.Context, at purpose, got *auth.FetchTokenResponse) bool {
	if at.path == "" {
		return false
	}
	r := p.registryAt(at.host)
	method, path := http.MethodGet, tagsOf(at.path)
	if at.push {
		method, path = http.MethodPatch, uploadOf(at.path)
	}
	reply, err := r.send(ctx, method, path, authorization{header: "Bearer " + got.Token})
	return err == nil && reply.refuses()
}

// GetTokenAuthority returns the public key with which the daemon verifies, in a later
// build, that it may use the tokens of this one again.
func (s *server) GetTokenAuthority(ctx context.Context, req *auth.GetTokenAuthorityRequest) (*auth.GetTokenAuthorityResponse, error) {
	if s.daemonFetches() {
		return nil, status.Error(codes.Unavailable, "tokens are fetched by the daemon")
	}
	public, err := s.provider.authority.publicKey(req.Salt, req.Host, s.identity(ctx, req.Host))
	if err != nil {
		return nil, err
	}
	return &auth.GetTokenAuthorityResponse{PublicKey: public}, nil
}

// VerifyTokenAuthority proves that this client has the key.
func (s *server) VerifyTokenAuthority(ctx context.Context, req *auth.VerifyTokenAuthorityRequest) (*auth.VerifyTokenAuthorityResponse, error) {
	if s.daemonFetches() {
		return nil, status.Error(codes.Unavailable, "tokens are fetched by the daemon")
	}
	signed, err := s.provider.authority.sign(req.Payload, req.Salt, req.Host, s.identity(ctx, req.Host))
	if err != nil {
		return nil, err
	}
	return &auth.VerifyTokenAuthorityResponse{Signed: signed}, nil
}

func (s *server) daemonFetches() bool {
	value, _ := s.provider.lookupEnv(daemonTokensEnv)
	yes, err := strconv.ParseBool(value)
	return err == nil && yes
}

// find returns the credentials for the purpose. If their source fails, it shows that and continues
// without credentials.
func (s *server) find(ctx context.Context, at purpose) Credentials {
	credentials, unread := s.provider.keychain.find(ctx, at)
	s.provider.note(at.host, credentials, unread, nil)
	s.showUnread(unread)
	return credentials
}

func (s *server) showUnread(unread *SourceError) {
	if unread != nil && !unread.None() {
		s.show("[auth] continuing without credentials: " + unread.Error())(nil)
	}
}

func token(got grant) *auth.FetchTokenResponse {
	if got.life == 0 {
		got.life = tokenLife
	}
	response := &auth.FetchTokenResponse{Token: got.token, ExpiresIn: int64(got.life)}
	if !got.issued.IsZero() {
		response.IssuedAt = got.issued.Unix()
	}
	return response
}

func scopeNames(scopes []string) string {
	names := make([]string, 0, len(scopes))
	for _, scope := range scopes {
		names = append(names, strings.TrimPrefix(scope, "repository:"))
	}
	return strings.Join(names, " ")
}

// identity returns all credentials that the tokens of the host may have been fetched with: after a
// change of any of them, no earlier token is used. It is the same in every build.
func (s *server) identity(ctx context.Context, host string) Credentials {
	credentials := s.find(ctx, purpose{host: host})
	credentials.Secret += s.provider.keychain.entriesOf(host)
	return credentials
}
