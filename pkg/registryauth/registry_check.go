package registryauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Standing is the access that a registry grants to this machine and its credentials.
type Standing struct {
	// Source is the source of the credentials; empty if there are none.
	Source string `json:"source,omitempty"`
	User   string `json:"user,omitempty"`
	// Open reports whether the registry accepts anonymous access.
	Open bool `json:"open,omitempty"`
	// Unseen reports whether the repository does not exist yet, or is not visible with these
	// credentials. Whether it may be created is known at a push only: a request for it would create
	// it in some registries.
	Unseen bool `json:"unseen,omitempty"`
}

// Reach checks whether a registry, which ParseHost has returned, accepts the credentials. The error
// is a *DeniedError, a *TokenError or an *UnreachableError.
func (p *Provider) Reach(ctx context.Context, host string) (Standing, error) {
	return p.stand(ctx, purpose{host: requestHost(host)})
}

// MayPush checks whether the credentials allow to push the reference; it changes nothing at the
// registry. Unlike Preflight it also returns an error if the registry cannot be reached. The errors
// are those of Reach.
func (p *Provider) MayPush(ctx context.Context, reference string) (Standing, error) {
	if !ValidReference(reference) {
		return Standing{}, fmt.Errorf("%q is not the name of an image", reference)
	}
	at := repositoriesOf([]string{reference})[0]
	at.push = true
	return p.stand(ctx, at)
}

func (p *Provider) stand(ctx context.Context, at purpose) (Standing, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, preflightLimit, errors.New("no answer in "+preflightLimit.String()))
	defer cancel()
	a := p.access(ctx, at)
	standing := Standing{
		Source: a.credentials.Source, User: a.credentials.Username, Unseen: a.unseen,
		Open: a.err == nil && a.granted.header == "",
	}
	shown := shownHost(at.host)
	if a.refused != nil {
		return standing, p.refused(a, at)
	}
	if a.err != nil {
		token := &TokenError{}
		if errors.As(a.err, &token) && context.Cause(ctx) == nil {
			return standing, a.err
		}
		return standing, p.unreachable(ctx, at.host, a.err)
	}
	if !a.answers(at) {
		return standing, &UnreachableError{Host: shown, Cause: errors.New("it does not respond like a registry: " + a.got.message(a.credentials))}
	}
	return standing, nil
}

// answers reports whether the registry responds as expected: it has no upload with the ID noUpload.
func (a *attempt) answers(at purpose) bool {
	if at.path == "" || a.unseen {
		return a.got.code < http.StatusInternalServerError && (at.path != "" || a.got.code == http.StatusOK)
	}
	return a.got.code < http.StatusInternalServerError && a.got.code != http.StatusUnauthorized && a.got.code != http.StatusForbidden
}
