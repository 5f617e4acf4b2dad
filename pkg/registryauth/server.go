package registryauth

import (
	"context"
	"strconv"
	"strings"

	authutil "github.com/containerd/containerd/v2/core/remotes/docker/auth"
	"github.com/moby/buildkit/session/auth"
	"github.com/moby/buildkit/util/errutil"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// tokenLife, in seconds, is that of a token whose server does not say.
	tokenLife = 60
	// daemonTokensEnv makes the daemon fetch tokens, for token servers that only
	// it can reach. It then gets the password.
	daemonTokensEnv = "BUILDKIT_NO_CLIENT_TOKEN"
)

// server answers the daemon.
type server struct {
	auth.UnimplementedAuthServer
	provider *Provider
}

// Credentials gives the password away: registries with basic authentication
// want it with every request.
func (s *server) Credentials(ctx context.Context, req *auth.CredentialsRequest) (*auth.CredentialsResponse, error) {
	credentials := s.find(ctx, req.Host)
	if credentials.Secret != "" {
		s.provider.show("[auth] sharing credentials for " + req.Host)(nil)
	}
	return &auth.CredentialsResponse{Username: credentials.Username, Secret: credentials.Secret}, nil
}

// FetchToken fetches a token here, so that the daemon never sees the password.
func (s *server) FetchToken(ctx context.Context, req *auth.FetchTokenRequest) (*auth.FetchTokenResponse, error) {
	credentials := s.find(ctx, req.Host)
	if credentials.RegistryToken != "" {
		return &auth.FetchTokenResponse{Token: credentials.RegistryToken, ExpiresIn: tokenLife}, nil
	}
	end := s.provider.show("[auth] token for " + req.Host + " " + scopeNames(req.Scopes))
	response, err := s.fetch(ctx, req, credentials)
	if err != nil {
		failure := &TokenError{Host: req.Host, Realm: req.Realm, Cause: errutil.WithDetails(err)}
		s.provider.noteFailure(failure, refusedStatus(err))
		end(failure)
		return nil, status.Error(codes.Unknown, failure.Error())
	}
	end(nil)
	return response, nil
}

// GetTokenAuthority gives the key by which the daemon knows, in a later build,
// that it may use the tokens of this one again.
func (s *server) GetTokenAuthority(ctx context.Context, req *auth.GetTokenAuthorityRequest) (*auth.GetTokenAuthorityResponse, error) {
	if s.daemonFetches() {
		return nil, status.Error(codes.Unavailable, "tokens are fetched by the daemon")
	}
	public, err := s.provider.authority.publicKey(req.Salt, req.Host, s.find(ctx, req.Host))
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
	signed, err := s.provider.authority.sign(req.Payload, req.Salt, req.Host, s.find(ctx, req.Host))
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

// find goes on without credentials if their source fails, and shows that.
func (s *server) find(ctx context.Context, host string) Credentials {
	credentials, unread := s.provider.keychain.find(ctx, host)
	s.provider.note(host, credentials, unread)
	if unread != nil {
		s.provider.show("[auth] going on without credentials: " + unread.Error())(nil)
	}
	return credentials
}

func (s *server) fetch(ctx context.Context, req *auth.FetchTokenRequest, credentials Credentials) (*auth.FetchTokenResponse, error) {
	options := authutil.TokenOptions{Realm: req.Realm, Service: req.Service, Scopes: req.Scopes}
	client, _ := s.provider.clientFor(req.Host)
	got, err := fetchToken(ctx, client, options, credentials)
	if err != nil {
		return nil, err
	}
	return token(got), nil
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
