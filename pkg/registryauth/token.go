package registryauth

import (
	"context"
	"errors"
	"net/http"
	"time"

	authutil "github.com/containerd/containerd/v2/core/remotes/docker/auth"
	remoteserrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/moby/buildkit/util/resolver/retryhandler"
)

const clientID = "kubectl-buildkit"

// grant is what a token server gives.
type grant struct {
	token   string
	refresh string // an identity token, if one was asked for and the server has them
	issued  time.Time
	life    int // in seconds; 0 if the server does not say
}

// fetchToken posts the credentials, as OAuth has it, and gets with basic
// authentication where the server does not take that.
func fetchToken(ctx context.Context, client *http.Client, options authutil.TokenOptions, credentials Credentials) (grant, error) {
	options.Username, options.Secret = credentials.Username, credentials.Secret
	if credentials.Secret != "" {
		got, err := retryhandler.WithRetry(ctx, nil, func(ctx context.Context) (*authutil.OAuthTokenResponse, error) {
			return authutil.FetchTokenWithOAuth(ctx, client, nil, clientID, options)
		})
		if err == nil {
			return grant{token: got.AccessToken, refresh: got.RefreshToken, issued: got.IssuedAt, life: got.ExpiresInSeconds}, nil
		}
		if !wantsGet(err, credentials) {
			return grant{}, err
		}
	}
	got, err := retryhandler.WithRetry(ctx, nil, func(ctx context.Context) (*authutil.FetchTokenResponse, error) {
		return authutil.FetchToken(ctx, client, nil, options)
	})
	if err != nil {
		return grant{}, err
	}
	return grant{token: got.Token, refresh: got.RefreshToken, issued: got.IssuedAt, life: got.ExpiresInSeconds}, nil
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
