package registryauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/distribution/reference"
)

// Manifest is a manifest or an index as a registry has it.
type Manifest struct {
	MediaType string
	Text      []byte
}

// Repository is a client for the manifests of one repository of a registry. It may be used by
// several goroutines at a time.
type Repository struct {
	provider *Provider
	at       purpose
	name     string
	client   *http.Client
	insecure bool

	mu      sync.Mutex
	scheme  string
	chosen  *Credentials             // nil before the registry requires authentication
	granted map[string]authorization // by scope
}

// Repository returns a client for the repository of the reference. It sends the credentials that
// are found for a push, under the rules of all requests to registries: Trust must have been called
// for certificate authorities and insecure registries to count.
func (p *Provider) Repository(text string) (*Repository, error) {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return nil, fmt.Errorf("parsing the reference %q: %w", text, err)
	}
	at := purpose{host: requestHost(reference.Domain(named)), path: reference.Path(named), push: true}
	client, insecure := p.manifestClient(at.host)
	return &Repository{
		provider: p, at: at, name: reference.TrimNamed(named).String(), client: client, insecure: insecure,
		scheme: "https", granted: map[string]authorization{},
	}, nil
}

// Name returns the name of the repository, with its registry.
func (r *Repository) Name() string { return r.name }

// Get returns the manifest with the tag or the digest; found is false if the repository does not
// have it. The bytes have the digest. The error is a *ManifestError, or one of Reach.
func (r *Repository) Get(ctx context.Context, tagOrDigest string) (m Manifest, found bool, err error) {
	got, err := r.ask(ctx, http.MethodGet, tagOrDigest, nil)
	if err != nil {
		return Manifest{}, false, err
	}
	if got.code == http.StatusNotFound && !got.page {
		return Manifest{}, false, nil
	}
	if err := got.failure(r.sent()); err != nil {
		return Manifest{}, false, r.failed("reading", tagOrDigest, got, err)
	}
	if got.code != http.StatusOK || !isObject(got.text) {
		return Manifest{}, false, r.failed("reading", tagOrDigest, got, errors.New("the response is not a manifest: "+statusText(got.code)))
	}
	if err := got.verify(tagOrDigest, got.text); err != nil {
		return Manifest{}, false, r.failed("reading", tagOrDigest, got, err)
	}
	return Manifest{MediaType: got.media, Text: got.text}, true, nil
}

// Put writes the manifest under the tag or the digest. The error is a *ManifestError, or one of
// Reach; without one the registry has confirmed the manifest, which need not be true.
func (r *Repository) Put(ctx context.Context, tagOrDigest string, m Manifest) error {
	got, err := r.ask(ctx, http.MethodPut, tagOrDigest, &m)
	if err != nil {
		return err
	}
	if err := got.failure(r.sent()); err != nil {
		return r.failed("writing", tagOrDigest, got, err)
	}
	if err := got.verify(tagOrDigest, m.Text); err != nil {
		return r.failed("writing", tagOrDigest, got, err)
	}
	return nil
}

// DeleteTag deletes the tag, and not the manifest that it points at. Many registries do not support
// it. The error is a *ManifestError, or one of Reach.
func (r *Repository) DeleteTag(ctx context.Context, tag string) error {
	got, err := r.ask(ctx, http.MethodDelete, tag, nil)
	if err != nil {
		return err
	}
	if err := got.failure(r.sent()); err != nil && got.code != http.StatusNotFound {
		return r.failed("deleting", tag, got, err)
	}
	return nil
}

// ask sends a request, and again if the registry requires authentication: the first one, or one
// whose token has expired.
func (r *Repository) ask(ctx context.Context, method, tagOrDigest string, m *Manifest) (*manifestReply, error) {
	scope := "repository:" + r.at.path + ":pull,push"
	if method == http.MethodDelete {
		scope = "repository:" + r.at.path + ":delete,pull,push"
	}
	r.mu.Lock()
	header := r.granted[scope]
	r.mu.Unlock()
	got, err := r.send(ctx, method, tagOrDigest, header, m)
	if err != nil || got.code != http.StatusUnauthorized {
		return got, err
	}
	renewed, err := r.authorize(ctx, &got.reply, scope, header)
	if err != nil {
		return nil, err
	}
	if got, err = r.send(ctx, method, tagOrDigest, renewed, m); err != nil {
		return nil, err
	}
	if got.code == http.StatusUnauthorized {
		return nil, r.denied(&got.reply, r.sent())
	}
	return got, nil
}

// sent returns the credentials that were sent; none before the registry required them.
func (r *Repository) sent() Credentials {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.chosen == nil {
		return Credentials{}
	}
	return *r.chosen
}

// authorize returns what the registry's challenge requires; it is fetched once for the requests
// that were refused with the same header.
func (r *Repository) authorize(ctx context.Context, refusal *reply, scope string, refused authorization) (authorization, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.granted[scope]; known.header != refused.header {
		return known, nil
	}
	credentials := r.credentials(ctx)
	to := newRegistry(r.client, r.at.host, r.insecure)
	granted, err := to.authorize(ctx, refusal, question{scope: scope}, credentials)
	switch {
	case refusedStatus(err):
		return granted, r.denied(refusal, credentials)
	case err != nil:
		return granted, err
	case granted.header == "":
		return granted, r.denied(refusal, credentials)
	}
	r.granted[scope] = granted
	return granted, nil
}

// credentials returns those that the registry does not refuse, if there are several. The caller
// holds the lock.
func (r *Repository) credentials(ctx context.Context) Credentials {
	if r.chosen != nil {
		return *r.chosen
	}
	var found Credentials
	if len(r.provider.sourcesFor(r.at)) > 1 {
		found = r.provider.access(ctx, r.at).credentials
	} else {
		var unread *SourceError
		found, unread = r.provider.keychain.find(ctx, r.at)
		r.provider.note(r.at.host, found, unread, nil)
	}
	if ctx.Err() == nil {
		r.chosen = &found
	}
	return found
}

func (r *Repository) denied(refusal *reply, sent Credentials) error {
	r.provider.mu.Lock()
	defer r.provider.mu.Unlock()
	return r.provider.denied(r.at.host, &answerError{text: refusal.message(sent)})
}

// place returns the name of a manifest for errors, e.g. r.io/a:1.
func (r *Repository) place(tagOrDigest string) string {
	if strings.Contains(tagOrDigest, ":") {
		return r.name + "@" + tagOrDigest
	}
	return r.name + ":" + tagOrDigest
}
