package registryauth

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	authutil "github.com/containerd/containerd/v2/core/remotes/docker/auth"
	remoteserrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/moby/buildkit/util/resolver/retryhandler"
)

const clientID = "kubectl-buildkit"

// grant is the response of a token server.
type grant struct {
	token   string
	refresh string // an identity token, if one was requested and the server supports it
	issued  time.Time
	life    int // in seconds; 0 if the server does not report it
}

// fetchToken requests one token for all scopes, and if the server refuses that, one for the main
// scope: some token servers return tokens for one repository only. newest is the scope that was
// requested last.
func fetchToken(ctx context.Context, client *http.Client, options authutil.TokenOptions, credentials Credentials, newest string) (grant, error) {
	options.Username, options.Secret = credentials.Username, credentials.Secret
	options.Scopes = mergeScopes(options.Scopes)
	got, err := fetchScopes(ctx, client, options)
	if len(options.Scopes) > 1 && wantsLess(err) {
		options.Scopes = []string{mainScope(options.Scopes, newest)}
		if one, again := fetchScopes(ctx, client, options); again == nil {
			return one, nil
		}
	}
	return got, err
}

// fetchScopes sends the credentials with POST, as in OAuth, and if that fails, for whatever reason,
// with GET and basic authentication, as docker and containerd do.
func fetchScopes(ctx context.Context, client *http.Client, options authutil.TokenOptions) (grant, error) {
	var posted error
	if options.Secret != "" {
		got, err := retry(ctx, func(ctx context.Context) (*authutil.OAuthTokenResponse, error) {
			return authutil.FetchTokenWithOAuth(ctx, client, nil, clientID, options)
		})
		if err == nil {
			return grant{token: got.AccessToken, refresh: got.RefreshToken, issued: got.IssuedAt, life: got.ExpiresInSeconds}.checked()
		}
		if !wantsGet(err, options.Username != "") {
			return grant{}, withoutQuery(err)
		}
		posted = err
	}
	got, err := retry(ctx, func(ctx context.Context) (*authutil.FetchTokenResponse, error) {
		return authutil.FetchToken(ctx, client, nil, options)
	})
	if err != nil {
		if posted != nil && refusedStatus(posted) && !refusedStatus(err) {
			err = posted // it supports POST only, and denied the request
		}
		return grant{}, withoutQuery(err)
	}
	return grant{token: got.Token, refresh: got.RefreshToken, issued: got.IssuedAt, life: got.ExpiresInSeconds}.checked()
}

// checked returns the grant if its token can be sent.
func (g grant) checked() (grant, error) {
	if !isToken(g.token) {
		return grant{}, errors.New("the token server's response is invalid: its token has characters that a header cannot have")
	}
	return g, nil
}

// retry retries after transient errors, but not after a timeout, since the time for the request is
// then used up, nor after a response without a token.
func retry[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	return retryhandler.WithRetryIf(ctx, nil, f, func(err error) bool {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return false
		}
		var request *url.Error
		return errors.As(err, &request) || hasStatus(err)
	})
}

// wantsGet reports whether the response to a POST may mean that the server supports GET only. For a
// password that is any response without a token, e.g. a web page or a redirect to one. An identity
// token requires POST, but GCR responds with 404, and JFrog with 401, to both.
func wantsGet(err error, password bool) bool {
	var unexpected remoteserrors.ErrUnexpectedStatus
	if !errors.As(err, &unexpected) {
		var request *url.Error
		var elsewhere *RedirectError
		return password && (!errors.As(err, &request) || errors.As(err, &elsewhere))
	}
	return password || unexpected.StatusCode == http.StatusNotFound || unexpected.StatusCode == http.StatusUnauthorized
}

// mergeScopes returns one scope for each repository: some servers count a second scope as a second
// repository.
func mergeScopes(scopes []string) []string {
	var names []string
	actions := map[string][]string{}
	for _, text := range scopes {
		for scope := range strings.FieldsSeq(text) {
			name, list := scope, ""
			if at := strings.LastIndexByte(scope, ':'); strings.Count(scope, ":") > 1 {
				name, list = scope[:at], scope[at+1:]
			}
			if _, known := actions[name]; !known {
				names = append(names, name)
			}
			for action := range strings.SplitSeq(list, ",") {
				if action != "" && !slices.Contains(actions[name], action) {
					actions[name] = append(actions[name], action)
				}
			}
			if actions[name] == nil {
				actions[name] = []string{}
			}
		}
	}
	merged := make([]string, 0, len(names))
	for _, name := range names {
		if len(actions[name]) > 0 {
			name += ":" + strings.Join(actions[name], ",")
		}
		merged = append(merged, name)
	}
	return merged
}

// mainScope returns the scope of the push, else the new one.
func mainScope(scopes []string, newest string) string {
	for _, scope := range scopes {
		if _, push := repositoryOf(scope); push {
			return scope
		}
	}
	if newest != "" && slices.Contains(scopes, newest) {
		return newest
	}
	return scopes[len(scopes)-1]
}

// repositoryOf parses a scope; the path is "" if the scope is not for a repository.
func repositoryOf(scope string) (path string, push bool) {
	rest, ok := strings.CutPrefix(scope, "repository:")
	at := strings.LastIndexByte(rest, ':')
	if !ok || at < 0 {
		return "", false
	}
	return rest[:at], slices.Contains(strings.Split(rest[at+1:], ","), "push")
}

// wantsLess reports whether the token server's response may mean that the request had too many
// scopes.
func wantsLess(err error) bool {
	var unexpected remoteserrors.ErrUnexpectedStatus
	return errors.As(err, &unexpected) && unexpected.StatusCode < http.StatusInternalServerError && unexpected.StatusCode != http.StatusTooManyRequests
}

// hasStatus reports whether the token server responded, without a token.
func hasStatus(err error) bool {
	var unexpected remoteserrors.ErrUnexpectedStatus
	return errors.As(err, &unexpected)
}

// refusedStatus reports whether the token server denied the request.
func refusedStatus(err error) bool {
	var unexpected remoteserrors.ErrUnexpectedStatus
	if !errors.As(err, &unexpected) {
		return false
	}
	switch unexpected.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest:
		return true // in OAuth, 400 is the response to a wrong password
	}
	return false
}
