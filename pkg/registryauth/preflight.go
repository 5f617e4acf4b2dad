package registryauth

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/distribution/reference"
)

// preflightPatience is how long a registry may take to be of use to a Preflight.
const preflightPatience = 15 * time.Second

// repository is something that will be pushed to.
type repository struct{ host, path string }

// Preflight asks the registries whether the credentials allow to push the
// references. It returns a *DeniedError only if one certainly refuses. Registries
// that cannot be asked from this machine are the doubts: the builder may have a
// way that this machine has not. Credentials go over plain HTTP only to hosts that
// Trust names.
func (p *Provider) Preflight(ctx context.Context, references []string) (doubts []*UnreachableError, err error) {
	ctx, cancel := context.WithTimeout(ctx, preflightPatience)
	repositories := repositoriesOf(references)
	verdicts := make(chan error, len(repositories))
	go func() {
		defer cancel()
		ended := make(chan struct{})
		for _, each := range repositories {
			go func() {
				defer func() { ended <- struct{}{} }()
				p.checkPush(ctx, each, verdicts)
			}()
		}
		for range repositories {
			<-ended
		}
	}()
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

// ValidReference says whether the text is the name of an image.
func ValidReference(text string) bool { return len(repositoriesOf([]string{text})) > 0 }

// repositoriesOf is one of each, in their order.
func repositoriesOf(references []string) []repository {
	var list []repository
	known := map[repository]bool{}
	for _, text := range references {
		named, err := reference.ParseNormalizedNamed(text)
		if err != nil {
			continue // whoever pushes says so better
		}
		one := repository{host: requestHost(reference.Domain(named)), path: reference.Path(named)}
		if !known[one] {
			known[one] = true
			list = append(list, one)
		}
	}
	return list
}

// checkPush begins an upload, as a push does, gives its verdict, and then cancels
// the upload.
func (p *Provider) checkPush(ctx context.Context, to repository, verdict chan<- error) {
	a := p.beginAt(ctx, to)
	switch {
	case refusedStatus(a.err):
		verdict <- p.refused(to.host, a.err)
	case a.err == nil && a.got.refuses():
		verdict <- p.refused(to.host, errors.New(a.got.said(a.credentials.Secret)))
	case unanswered(ctx, a.err):
		verdict <- unreachable(shownHost(to.host), a.err)
	default:
		verdict <- nil
	}
	a.cancelUpload(ctx)
}

// attempt is a registry's first answer.
type attempt struct {
	registry    *registry
	credentials Credentials
	got         *reply
	granted     authorization
	err         error
}

// entry is the request that begins an upload; without a path, the one that all begin with.
func (to repository) entry() (method, path string) {
	if to.path == "" {
		return http.MethodGet, "/v2/"
	}
	return http.MethodPost, "/v2/" + to.path + "/blobs/uploads/"
}

// welcome is the status with which a registry agrees.
func (to repository) welcome() int {
	if to.path == "" {
		return http.StatusOK
	}
	return http.StatusAccepted
}

// beginAt begins an upload, or only asks who is welcome.
func (p *Provider) beginAt(ctx context.Context, to repository) *attempt {
	credentials, unread := p.keychain.find(ctx, to.host)
	p.note(to.host, credentials, unread)
	a := &attempt{registry: p.firstRegistry(ctx, to.host), credentials: credentials}
	if to.path != "" {
		a.registry.scope = "repository:" + to.path + ":pull,push"
	}
	method, path := to.entry()
	a.got, a.granted, a.err = a.registry.ask(ctx, method, path, credentials)
	if untrusted(a.err) {
		select {
		case <-p.trusted:
			a.registry.client, a.registry.insecure = p.clientFor(to.host)
			a.got, a.granted, a.err = a.registry.ask(ctx, method, path, credentials)
		case <-ctx.Done():
		}
	}
	return a
}

// cancelUpload takes back what was begun. Registries remove what is left behind, in
// time.
func (a *attempt) cancelUpload(ctx context.Context) {
	if a.err == nil && a.got.code == http.StatusAccepted && a.got.location != "" {
		_, _ = a.registry.send(ctx, http.MethodDelete, a.got.location, a.granted)
	}
}

// firstRegistry is asked before anybody may know whom to trust.
func (p *Provider) firstRegistry(ctx context.Context, host string) *registry {
	p.mu.Lock()
	defer p.mu.Unlock()
	if special := p.special(host); special != nil {
		return newRegistry(special, host, false)
	}
	return newRegistry(p.awaitingTrust(ctx, host), host, false)
}

// unanswered reports whether there was no answer from the registry itself, while the caller still waits for one.
func unanswered(ctx context.Context, err error) bool {
	var request *url.Error
	var token *TokenError // of another server
	return errors.As(err, &request) && !errors.As(err, &token) && !errors.Is(context.Cause(ctx), context.Canceled)
}

// untrusted says that the registry was reached, and does not prove who it is.
func untrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate) || errors.Is(err, http.ErrSchemeMismatch)
}

func (p *Provider) refused(host string, cause error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.denied(host, cause)
}
