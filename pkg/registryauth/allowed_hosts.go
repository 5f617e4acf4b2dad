package registryauth

import (
	"errors"
	"slices"
	"strings"
)

// Limit restricts the credentials of builds to those for these hosts, which ParseHost has returned;
// an empty list forbids all. The hosts count as named by the build.
func (c *Config) Limit(hosts []string) {
	c.allowed = append([]string{}, hosts...)
}

// ParseHosts parses a list of registries, HOST,…, or "none".
func ParseHosts(lists []string) ([]string, error) {
	hosts := []string{}
	none := false
	for _, list := range lists {
		for text := range strings.SplitSeq(list, ",") {
			if text = strings.TrimSpace(text); text == "none" {
				none = true
				continue
			}
			host, err := ParseHost(text)
			if err != nil {
				return nil, err
			}
			hosts = append(hosts, host)
		}
	}
	if none && len(hosts) > 0 {
		return nil, errors.New(`"none" cannot be combined with registries`)
	}
	return hosts, nil
}

// isNamed reports whether the user named the registry: for the build, in a flag, or at the
// installation of the builder.
func (p *Provider) isNamed(host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.named, func(at purpose) bool { return at.host == host }) ||
		slices.Contains(p.keychain.allowed, shownHost(host)) || p.isInsecure(host) || p.contexts[host] != nil
}

// purposeOf returns the purpose of the registry for the build: a push before a pull.
func (p *Provider) purposeOf(host string) purpose {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.named {
		if at.host == host {
			return at
		}
	}
	return purpose{host: host}
}

// purposeOfScopes returns the purpose of a token, and its new scope: the daemon requests all
// previous scopes, and one more.
func (p *Provider) purposeOfScopes(host string, scopes []string) (at purpose, newest string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at.host = host
	scopes = mergeScopes(scopes)
	for _, scope := range scopes {
		if !slices.Contains(p.scopes[host], scope) {
			newest = scope
		}
	}
	p.scopes[host] = append(p.scopes[host], scopes...)
	if len(scopes) > 0 {
		at.path, at.push = repositoryOf(mainScope(scopes, newest))
	}
	return at, newest
}

// sourcesFor returns the sources for the purpose, first the one that was not refused before.
func (p *Provider) sourcesFor(at purpose) []source {
	list := p.keychain.sources(at)
	p.mu.Lock()
	first, known := p.preferred[at]
	p.mu.Unlock()
	for i := range list {
		list[i].index = i
	}
	if known && first < len(list) {
		chosen := list[first]
		list = slices.Insert(slices.Delete(list, first, first+1), 0, chosen)
	}
	return list
}

func (p *Provider) prefer(at purpose, one source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.preferred[at] = one.index
}
