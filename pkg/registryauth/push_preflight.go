package registryauth

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/distribution/reference"
)

// preflightLimit is the timeout for a registry in Preflight.
const preflightLimit = 15 * time.Second

// Preflight checks at the registries whether the credentials allow to push the
// references. It returns a *DeniedError only if a registry certainly denies the push.
// The doubts are the registries that this machine cannot reach: the builder may reach
// them. Credentials are sent over plain HTTP only to hosts that Trust names. Nothing
// is changed at the registries: whether a missing repository may be created is known
// at the push.
func (p *Provider) Preflight(ctx context.Context, references []string) (doubts []*UnreachableError, err error) {
	ctx, cancel := context.WithTimeout(ctx, preflightLimit)
	defer cancel()
	repositories := repositoriesOf(references)
	verdicts := make(chan error, len(repositories))
	for _, each := range repositories {
		each.push = true
		go func() { verdicts <- p.verdict(ctx, each) }()
	}
	for range repositories {
		verdict := <-verdicts
		var doubt *UnreachableError
		switch {
		case errors.As(verdict, &doubt):
			doubts = append(doubts, doubt)
		case verdict != nil:
			return nil, verdict
		}
	}
	return doubts, nil
}

func (p *Provider) verdict(ctx context.Context, at purpose) error {
	a := p.access(ctx, at)
	switch {
	case a.refused != nil:
		return p.refused(a, at)
	case unanswered(ctx, a.err):
		return unreachable(a.registry, a.err)
	}
	return nil
}

// unanswered reports whether the registry itself did not respond before the timeout, and the caller
// still waits.
func unanswered(ctx context.Context, err error) bool {
	var request *url.Error
	var token *TokenError // of another server
	return errors.As(err, &request) && !errors.As(err, &token) && !errors.Is(context.Cause(ctx), context.Canceled)
}

// ValidReference reports whether the text is a valid image reference.
func ValidReference(text string) bool { return len(repositoriesOf([]string{text})) > 0 }

// repositoriesOf returns the repositories of the references, without duplicates.
func repositoriesOf(references []string) []purpose {
	var list []purpose
	known := map[purpose]bool{}
	for _, text := range references {
		named, err := reference.ParseNormalizedNamed(text)
		if err != nil {
			continue // the push reports it better
		}
		one := purpose{host: requestHost(reference.Domain(named)), path: reference.Path(named)}
		if !known[one] {
			known[one] = true
			list = append(list, one)
		}
	}
	return list
}
