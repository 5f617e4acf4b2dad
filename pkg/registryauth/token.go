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

// grant is what a token server gives.
type grant struct {
	token   string
	refresh string // an identity token, if one was asked for and the server has them
	issued  time.Time
	life    int // in seconds; 0 if the server does not say
}

// fetchToken asks for all scopes with one token, and where the server refuses that for the one that matters: some token
// servers give a token for one repository only. newest is the scope that was asked for last.
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

// fetchScopes posts the credentials, as OAuth has it, and where the server does not take that, whatever it says, gets
// with basic authentication, as docker and containerd do.
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
			err = posted // it knows POST only, and said no
		}
		return grant{}, withoutQuery(err)
	}
	return grant{token: got.Token, refresh: got.RefreshToken, issued: got.IssuedAt, life: got.ExpiresInSeconds}.checked()
}

// checked returns the grant if its token can be sent.
func (g grant) checked() (grant, error) {
	if !isToken(g.token) {
		return grant{}, errors.New("the token server's answer is invalid: its token has characters that a header cannot have")
	}
	return g, nil
}

// retry tries again after what may pass, but not after a timeout, since the time that a request may take is spent then,
// nor after an answer that is not a token.
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

// wantsGet reports whether the answer to a POST may mean that the server knows GET only: any answer that is not a token,
// e.g. a web page or a redirect to one, for a password. An identity token is for POST alone, but GCR answers 404, and
// JFrog 401, to both.
func wantsGet(err error, password bool) bool {
	var unexpected remoteserrors.ErrUnexpectedStatus
	if !errors.As(err, &unexpected) {
		var request *url.Error
		var elsewhere *RedirectError
		return password && (!errors.As(err, &request) || errors.As(err, &elsewhere))
	}
	return password || unexpected.StatusCode == http.StatusNotFound || unexpected.StatusCode == http.StatusUnauthorized
}

// mergeScopes has one scope for each repository: a server may count a second one for the same as a second repository.
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

// mainScope is the one that a push is for, else the one that was not asked for before.
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

// repositoryOf reads a scope; the path is "" if it is of something else.
func repositoryOf(scope string) (path string, push bool) {
	rest, ok := strings.CutPrefix(scope, "repository:")
	at := strings.LastIndexByte(rest, ':')
	if !ok || at < 0 {
		return "", false
	}
	return rest[:at], slices.Contains(strings.Split(rest[at+1:], ","), "push")
}

// wantsLess reports whether the token server's answer may mean that it was asked for too much at once.
func wantsLess(err error) bool {
	var unexpected remoteserrors.ErrUnexpectedStatus
	return errors.As(err, &unexpected) && unexpected.StatusCode < http.StatusInternalServerError && unexpected.StatusCode != http.StatusTooManyRequests
}

// hasStatus reports whether the token server answered, with anything but a token.
func hasStatus(err error) bool {
	var unexpected remoteserrors.ErrUnexpectedStatus
	return errors.As(err, &unexpected)
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
