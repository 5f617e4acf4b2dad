package registryauth

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	authutil "github.com/containerd/containerd/v2/core/remotes/docker/auth"
	remoteserrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/moby/buildkit/session/auth"
	"github.com/moby/buildkit/util/errutil"
	"github.com/moby/buildkit/util/resolver/retryhandler"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	clientID = "kubectl-buildkit"
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

// fetch posts the credentials, as OAuth has it, and gets with basic
// authentication where the server does not take that.
func (s *server) fetch(ctx context.Context, req *auth.FetchTokenRequest, credentials Credentials) (*auth.FetchTokenResponse, error) {
	s.provider.mu.Lock()
	client := s.provider.client
	s.provider.mu.Unlock()
	options := authutil.TokenOptions{
		Realm: req.Realm, Service: req.Service, Scopes: req.Scopes,
		Username: credentials.Username, Secret: credentials.Secret,
	}
	if credentials.Secret != "" {
		got, err := retryhandler.WithRetry(ctx, nil, func(ctx context.Context) (*authutil.OAuthTokenResponse, error) {
			return authutil.FetchTokenWithOAuth(ctx, client, nil, clientID, options)
		})
		if err == nil {
			return token(got.AccessToken, got.IssuedAt, got.ExpiresInSeconds), nil
		}
		if !wantsGet(err, credentials) {
			return nil, err
		}
	}
	got, err := retryhandler.WithRetry(ctx, nil, func(ctx context.Context) (*authutil.FetchTokenResponse, error) {
		return authutil.FetchToken(ctx, client, nil, options)
	})
	if err != nil {
		return nil, err
	}
	return token(got.Token, got.IssuedAt, got.ExpiresInSeconds), nil
}

// wantsGet says whether the answer to a POST means that the server knows GET
// only. GCR says 404, JFrog 401.
func wantsGet(err error, credentials Credentials) bool {
	var unexpected remoteserrors.ErrUnexpectedStatus
	if !errors.As(err, &unexpected) {
		return false
	}
	switch unexpected.StatusCode {
	case http.StatusNotFound, http.StatusUnauthorized:
		return true
	case http.StatusMethodNotAllowed:
		return credentials.Username != ""
	}
	return false
}

// refusedStatus says whether the token server answered, and the answer was no.
func refusedStatus(err error) bool {
	var unexpected remoteserrors.ErrUnexpectedStatus
	if !errors.As(err, &unexpected) {
		return false
	}
	switch unexpected.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest:
		return true // by the rules of OAuth, 400 is the answer to a wrong password
	}
	return false
}

func token(text string, issued time.Time, life int) *auth.FetchTokenResponse {
	if life == 0 {
		life = tokenLife
	}
	response := &auth.FetchTokenResponse{Token: text, ExpiresIn: int64(life)}
	if !issued.IsZero() {
		response.IssuedAt = issued.Unix()
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
