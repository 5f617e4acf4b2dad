package registryauth

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"slices"

	authutil "github.com/containerd/containerd/v2/core/remotes/docker/auth"
)

// noUpload is the ID of an upload that does not exist. A PATCH of it requires the permission to
// push and then returns "not found": nothing is created. A POST would create an upload, and in some
// registries a repository.
const noUpload = "00000000-0000-4000-8000-000000000000"

func tagsOf(path string) string { return "/v2/" + path + "/tags/list?n=1" }

// attempt is a registry's response to credentials.
type attempt struct {
	registry    *registry
	credentials Credentials
	unread      *SourceError
	got         *reply
	granted     authorization
	err         error
	refused     error // the registry's refusal; nil if it accepts the credentials
	unseen      bool  // the repository does not exist yet, or is not visible
}

// access tries the credentials of the sources, in their order, at a registry, and changes nothing
// there. It returns the first attempt that is not refused, or the first of all if each is.
func (p *Provider) access(ctx context.Context, at purpose) *attempt {
	var first *attempt
	var refused []Credentials
	var unread *SourceError
	for _, each := range p.sourcesFor(at) {
		credentials, err := each.read(ctx)
		if credentials.anonymous() {
			if unread == nil {
				unread = err
			}
			continue
		}
		a := p.accessWith(ctx, at, credentials)
		if a.refused == nil {
			p.note(at.host, credentials, nil, refused)
			if len(refused) > 0 && !a.unseen {
				p.prefer(at, each)
			}
			return a
		}
		refused = append(refused, credentials)
		if first == nil {
			first = a
		}
	}
	if first == nil {
		first = p.accessWith(ctx, at, Credentials{})
		first.unread = unread
		p.note(at.host, Credentials{}, unread, nil)
		return first
	}
	p.note(at.host, first.credentials, nil, refused[1:])
	return first
}

func (p *Provider) accessWith(ctx context.Context, at purpose, credentials Credentials) *attempt {
	a := &attempt{credentials: credentials, registry: p.firstRegistry(ctx, at.host)}
	a.begin(ctx, at)
	if untrusted(a.err) {
		select {
		case <-p.trusted:
			a.registry = p.registryAt(at.host)
			a.begin(ctx, at)
		case <-ctx.Done():
		}
	}
	return a
}

// begin sends a read request first. If that succeeds, the repository exists, and a token for a push
// creates none.
func (a *attempt) begin(ctx context.Context, at purpose) {
	if at.path == "" {
		a.ask(ctx, question{method: http.MethodGet, path: "/v2/"})
		return
	}
	a.ask(ctx, question{method: http.MethodGet, path: tagsOf(at.path), scope: "repository:" + at.path + ":pull"})
	if a.err != nil && a.refused == nil || !at.push {
		return
	}
	push := question{method: http.MethodPatch, path: uploadOf(at.path), scope: "repository:" + at.path + ":pull,push"}
	seen := a.err == nil && a.got.code == http.StatusOK
	switch {
	case seen, a.credentials.anonymous() && !a.basic():
		a.ask(ctx, push)
	case a.usesTokens(ctx, push):
		a.onlyAccount(ctx)
	case a.refused == nil, a.got.code == http.StatusForbidden:
		a.ask(ctx, push)
	}
}

// basic reports whether the registry requested a password and received none.
func (a *attempt) basic() bool {
	return a.err == nil && a.refused != nil && !a.granted.bearer
}

// usesTokens reports whether a push requires a token.
func (a *attempt) usesTokens(ctx context.Context, push question) bool {
	if a.granted.bearer || a.err != nil {
		return true
	}
	if a.granted.header != "" {
		return false
	}
	got, err := a.registry.send(ctx, push.method, push.path, authorization{})
	return err == nil && slices.ContainsFunc(got.challenges, func(c authutil.Challenge) bool { return c.Scheme == authutil.BearerAuth })
}

func uploadOf(path string) string { return "/v2/" + path + "/blobs/uploads/" + noUpload }

// onlyAccount checks the account alone, without the repository: some token servers create the
// repository of a token for a push, and registries return the same error for missing and forbidden
// repositories.
func (a *attempt) onlyAccount(ctx context.Context) {
	a.unseen = true
	if a.err == nil {
		a.refused = nil
		return
	}
	a.ask(ctx, question{method: http.MethodGet, path: "/v2/", unscoped: true})
	if a.err == nil && a.got.code == http.StatusForbidden {
		a.refused = nil
	}
}

func (a *attempt) ask(ctx context.Context, q question) {
	a.got, a.granted, a.err = a.registry.ask(ctx, q, a.credentials)
	a.refused = nil
	switch {
	case refusedStatus(a.err):
		a.refused = a.err
	case a.err == nil && a.got.refuses():
		a.refused = errors.New(a.got.message(a.credentials))
	}
}

// firstRegistry returns the registry for requests before Trust was called.
func (p *Provider) firstRegistry(ctx context.Context, host string) *registry {
	p.mu.Lock()
	defer p.mu.Unlock()
	if config := p.contexts[host]; config != nil {
		return newRegistry(p.newClient(transport(config), nil), host, false)
	}
	return newRegistry(p.awaitingTrust(ctx, host), host, false)
}

// untrusted reports whether the registry was reached, but its certificate is not trusted.
func untrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate) || speaksPlain(err)
}

func (p *Provider) refused(a *attempt, at purpose) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.denied(at.host, a.refused)
}
