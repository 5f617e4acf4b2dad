package registryauth

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/distribution/reference"
)

// preflightPatience is how long a registry may take to be of use to a Preflight.
const preflightPatience = 15 * time.Second

// repository is something that will be pushed to.
type repository struct{ host, path string }

// Preflight asks the registries whether the credentials allow to push the
// references. It returns a *DeniedError only if one certainly refuses, and nil as
// soon as none does, or none can be asked from this machine: the builder may have
// a way that this machine has not. Credentials go over plain HTTP only to hosts
// that Trust names.
func (p *Provider) Preflight(ctx context.Context, references []string) error {
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
		if err := <-verdicts; err != nil {
			return err
		}
	}
	return nil
}

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
	credentials, unread := p.keychain.find(ctx, to.host)
	p.note(to.host, credentials, unread)
	r := p.firstRegistry(ctx, to.host)
	r.scope = "repository:" + to.path + ":pull,push"
	path := "/v2/" + to.path + "/blobs/uploads/"
	got, granted, err := r.ask(ctx, http.MethodPost, path, credentials)
	if untrusted(err) {
		select {
		case <-p.trusted:
			r.client, r.insecure = p.clientFor(to.host)
			got, granted, err = r.ask(ctx, http.MethodPost, path, credentials)
		case <-ctx.Done():
		}
	}
	switch {
	case refusedStatus(err):
		verdict <- p.refused(to.host, err)
	case err == nil && got.refuses():
		verdict <- p.refused(to.host, errors.New(got.said(credentials.Secret)))
	default:
		verdict <- nil
	}
	if err == nil && got.code == http.StatusAccepted && got.location != "" {
		_, _ = r.send(ctx, http.MethodDelete, got.location, granted) // registries remove what is left behind, in time
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
