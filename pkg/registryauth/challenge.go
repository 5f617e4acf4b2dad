package registryauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	authutil "github.com/containerd/containerd/v2/core/remotes/docker/auth"
	"golang.org/x/net/publicsuffix"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// challengeLimit is the timeout for a registry's own challenge. Only the builder may reach the
// registry.
const challengeLimit = 5 * time.Second

// wishes is the challenge of a registry: the authentication that it requires.
type wishes struct {
	bearer *authutil.Challenge // nil if it has no token server
	basic  bool
	err    error // this machine could not reach the registry, or does not trust its certificate
}

// asked is a request for a challenge that several callers wait for.
type asked struct {
	done chan struct{}
	got  wishes
	left bool // the caller that sent the request did not wait for the response
}

// wishesOf requests the challenge from the registry itself, once: the daemon is not trusted. Some
// registries require authentication only for a repository.
func (p *Provider) wishesOf(ctx context.Context, at purpose) wishes {
	p.mu.Lock()
	one := p.wishes[at.host]
	first := one == nil
	if first {
		one = &asked{done: make(chan struct{})}
		p.wishes[at.host] = one
	}
	p.mu.Unlock()
	if first {
		one.got = p.askWishes(ctx, at)
		one.left = ctx.Err() != nil
		if one.left || one.got.bearer == nil && !one.got.basic {
			p.mu.Lock()
			if p.wishes[at.host] == one {
				delete(p.wishes, at.host) // no result, a temporary one, or none for other repositories
			}
			p.mu.Unlock()
		}
		close(one.done)
	}
	select {
	case <-one.done:
		if one.left && !first && ctx.Err() == nil {
			return p.wishesOf(ctx, at)
		}
		return one.got
	case <-ctx.Done():
		return wishes{err: context.Cause(ctx)}
	}
}

func (p *Provider) askWishes(ctx context.Context, at purpose) wishes {
	ctx, cancel := context.WithTimeoutCause(ctx, challengeLimit, fmt.Errorf("no answer in %v", challengeLimit))
	defer cancel()
	r := p.registryAt(at.host)
	var found wishes
	for _, each := range probesOf(at) {
		reply, err := r.send(ctx, each.method, each.path, authorization{})
		if err != nil {
			if found.err = err; context.Cause(ctx) != nil {
				found.err = context.Cause(ctx)
			}
			return found
		}
		for _, challenge := range reply.challenges {
			switch challenge.Scheme {
			case authutil.BearerAuth:
				if found.bearer == nil {
					found.bearer = &challenge
				}
			case authutil.BasicAuth:
				found.basic = true
			}
		}
		if reply.code == http.StatusUnauthorized {
			found.err = nil
			return found
		}
		if code := reply.code; code == http.StatusForbidden || code == http.StatusTooManyRequests || code >= http.StatusInternalServerError {
			// The response of a proxy, or of a busy registry, has no challenge.
			found.err = fmt.Errorf("its response is %d %s", code, http.StatusText(code))
		}
	}
	return found
}

// probe is a request without side effects.
type probe struct{ method, path string }

// probesOf returns the requests to which a registry responds with its challenge. Some registries
// allow anonymous reads, and require authentication for a push only: the PATCH is for an upload
// that does not exist.
func probesOf(at purpose) []probe {
	probes := []probe{{http.MethodGet, "/v2/"}}
	if at.path != "" {
		probes = append(probes, probe{http.MethodGet, tagsOf(at.path)})
	}
	if at.path != "" && at.push {
		probes = append(probes, probe{http.MethodPatch, uploadOf(at.path)})
	}
	return probes
}

// tokenServer returns the options for a token request: those of the registry's own challenge. If
// this machine cannot reach the registry, it returns the daemon's, if the token server is in the
// registry's domain; else an *UnverifiedRealmError.
func (p *Provider) tokenServer(ctx context.Context, at purpose, said authutil.TokenOptions, secret bool) (authutil.TokenOptions, error) {
	own := p.wishesOf(ctx, at)
	if own.bearer != nil {
		options, err := authutil.GenerateTokenOptions(ctx, at.host, "", "", *own.bearer)
		if err != nil {
			return said, err
		}
		options.Scopes = said.Scopes
		return options, checkRealm(options.Realm)
	}
	if err := checkRealm(said.Realm); err != nil {
		return said, err
	}
	realm, err := url.Parse(said.Realm)
	switch {
	case err != nil:
		return said, err
	case !secret && realm.Scheme != "https" && !p.insecureHost(at.host):
		return said, &PlainError{URL: place(realm)}
	case !secret, own.err != nil && sameDomain(at.host, realm.Host):
		return said, nil
	case own.err != nil:
		return said, &UnverifiedRealmError{Host: shownHost(at.host), Realm: place(realm), Cause: own.err}
	}
	return said, &UnverifiedRealmError{Host: shownHost(at.host), Realm: place(realm), Cause: errors.New("the registry names no token server")}
}

// UnverifiedRealmError is returned when the daemon names a token server that the registry itself
// could not confirm.
type UnverifiedRealmError struct {
	Host, Realm string
	Cause       error
}

func (e *UnverifiedRealmError) Error() string {
	return fmt.Sprintf("no credentials were sent to %s: whether it is the token server of registry %q could not be verified from this machine: %v", e.Realm, e.Host, e.Cause)
}

func (e *UnverifiedRealmError) Unwrap() error { return e.Cause }

// Class returns fault.Denied.
func (*UnverifiedRealmError) Class() fault.Class { return fault.Denied }

func checkRealm(text string) error {
	realm, err := url.Parse(text)
	switch {
	case err != nil || realm.Host == "" || realm.Scheme != "https" && realm.Scheme != "http":
		return fmt.Errorf("invalid token server: %s", shownRealm(text))
	case realm.User != nil:
		return fmt.Errorf("invalid token server %s: its URL has a user name", place(realm))
	}
	return nil
}

// sameDomain reports whether two hosts have the same owner, e.g. registry.example.com and
// auth.example.com.
func sameDomain(a, b string) bool {
	a, b = strings.ToLower(nameOf(a)), strings.ToLower(nameOf(b))
	if a == b {
		return a != ""
	}
	if inCluster(a) || inCluster(b) {
		return false
	}
	one, err := publicsuffix.EffectiveTLDPlusOne(a)
	if err != nil {
		return false
	}
	other, err := publicsuffix.EffectiveTLDPlusOne(b)
	return err == nil && one == other
}

// inCluster reports whether the host is the name of a Service: two namespaces have two owners.
func inCluster(host string) bool {
	return strings.HasSuffix(host, ".svc") || strings.Contains(host, ".svc.")
}
