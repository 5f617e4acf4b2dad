package registryauth

import (
	"errors"
	"slices"
	"strings"
)

// Explain returns a *DeniedError or a *TokenError that wraps err, if err is the
// daemon's report of a registry that refused; else err as it is.
func (p *Provider) Explain(err error) error {
	var known *DeniedError
	if err == nil || errors.As(err, &known) {
		return err
	}
	text := err.Error()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range sortedKeys(p.hosts) {
		for _, failure := range p.hosts[name].failures {
			if !strings.Contains(text, failure.Error()) {
				continue
			}
			if failure.refused {
				return p.denied(name, err)
			}
			return &TokenError{Host: failure.Host, Realm: failure.Realm, Cause: failure.Cause, Build: err}
		}
	}
	if !refuses(text) {
		return err
	}
	if name := p.named(text); name != "" {
		return p.denied(name, err)
	}
	return err
}

func (p *Provider) denied(name string, cause error) *DeniedError {
	denied := &DeniedError{Host: shownHost(name), Cause: cause}
	if known := p.hosts[name]; known != nil {
		denied.User = known.credentials.Username
		denied.Source = known.credentials.Source
		denied.Unread = known.unread
	}
	return denied
}

// named finds the registry that the text is about: one that was asked for in
// this build, or else the host of the image or the URL in the text.
func (p *Provider) named(text string) string {
	var found []string
	for _, name := range sortedKeys(p.hosts) {
		if strings.Contains(text, shownHost(name)+"/") {
			found = append(found, name)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	inURL := hostInURL(text)
	if inURL == "" || len(found) == 0 || slices.Contains(found, inURL) {
		return inURL
	}
	return found[0]
}

// hostInURL is the host of the first registry URL in the text.
func hostInURL(text string) string {
	for _, scheme := range []string{"https://", "http://"} {
		_, rest, ok := strings.Cut(text, scheme)
		if !ok {
			continue
		}
		if host, _, ok := strings.Cut(rest, "/v2/"); ok && !strings.ContainsAny(host, " /\"") {
			return host
		}
	}
	return ""
}

// refuses knows the words in which registries and the daemon say no.
func refuses(text string) bool {
	for _, words := range []string{
		"401 Unauthorized", "403 Forbidden", "insufficient_scope", "access denied", "authorization failed",
		"no basic auth credentials", "failed to find supported auth scheme", "denied:", "unauthorized:",
		"authentication required",
	} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// shownHost is the name that users know.
func shownHost(name string) string {
	if name == hubHost {
		return "docker.io"
	}
	return name
}
