package registryauth

import (
	"errors"
	"strings"
)

// Explain returns a *DeniedError or a *TokenError that wraps err, if err is the
// daemon's report of a registry that denied access; else err as it is.
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
			return &TokenError{Host: failure.Host, Realm: failure.Realm, Proxy: failure.Proxy, Cause: failure.Cause, Build: err}
		}
	}
	if !refuses(text) {
		return err
	}
	if name := p.registryIn(text); name != "" {
		return p.denied(name, err)
	}
	return err
}

func (p *Provider) denied(name string, cause error) *DeniedError {
	denied := &DeniedError{Host: shownHost(name), Cause: cause, Withheld: !p.keychain.allows(name)}
	if known := p.hosts[name]; known != nil {
		denied.User = known.credentials.Username
		denied.Source = known.credentials.Source
		denied.Origin = known.credentials.Origin
		denied.Helper = known.credentials.helper
		denied.Path = known.credentials.path
		denied.Unread = known.unread
		for _, each := range known.refused {
			denied.Refused = append(denied.Refused, Credentials{Username: each.Username, Source: each.Source, Origin: each.Origin})
		}
	}
	return denied
}

// registryIn returns the registry that the text is about: the first one in it for
// which this build requested credentials, or else the host of a URL in it.
func (p *Provider) registryIn(text string) string {
	first, found := len(text), ""
	for name := range p.hosts {
		if at := indexOfHost(text, shownHost(name)); at >= 0 && at < first {
			first, found = at, name
		}
	}
	if found != "" {
		return found
	}
	return hostInURL(text)
}

// indexOfHost returns the index of the host before a path, and not as the end of a
// longer host; -1 if it is not in the text.
func indexOfHost(text, host string) int {
	for from := 0; ; {
		at := strings.Index(text[from:], host+"/")
		if at < 0 {
			return -1
		}
		at += from
		if at == 0 || !partOfHost(text[at-1]) {
			return at
		}
		from = at + 1
	}
}

func partOfHost(c byte) bool {
	return c == '.' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// hostInURL returns the host of the first registry URL in the text.
func hostInURL(text string) string {
	for _, scheme := range []string{"https://", "http://"} {
		_, rest, ok := strings.Cut(text, scheme)
		if !ok {
			continue
		}
		if host, _, ok := strings.Cut(rest, "/v2/"); ok && host != "" && !strings.ContainsAny(host, " /\"") {
			return host
		}
	}
	return ""
}

// refuses reports whether the text has one of the messages of registries and the daemon for denied
// access.
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

// shownHost returns the name of the registry for users.
func shownHost(name string) string {
	if name == hubHost {
		return "docker.io"
	}
	return name
}
