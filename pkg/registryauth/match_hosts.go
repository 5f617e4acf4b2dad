package registryauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// match is an entry that matches the purpose.
type match struct {
	name  string // its key
	path  string // the repositories that it is for; "" is the whole registry
	entry entry
}

func (m match) source(host string, from loaded) source {
	return source{read: func(context.Context) (Credentials, *SourceError) {
		credentials, err := fromEntry(m.entry, host, from)
		if err == nil && m.path != "" && !credentials.anonymous() {
			credentials.path = m.path
			credentials.Source += " (" + m.name + ")"
		}
		return credentials, err
	}}
}

// matching returns the entries for the purpose, the longest path first; of equal ones first the key
// that docker writes, then those of old configs, which are URLs. The credentials of an empty one
// are in a helper.
func matching(entries map[string]entry, at purpose, patterns bool) []match {
	keys := keysOf(at.host)
	rank := func(name string) int {
		if i := slices.Index(keys, name); i >= 0 {
			return i
		}
		return len(keys)
	}
	var found []match
	for _, name := range sortedKeys(entries) {
		host, path := splitKey(name)
		known := slices.Contains(keys, name) || slices.Contains(keys, host) || patterns && matchesPattern(host, shownHost(at.host))
		if each := entries[name]; known && !each.empty() && isBelow(at.path, path) {
			found = append(found, match{name: name, path: path, entry: each})
		}
	}
	slices.SortStableFunc(found, func(a, b match) int {
		if order := len(b.path) - len(a.path); order != 0 {
			return order
		}
		return rank(a.name) - rank(b.name)
	})
	return found
}

// isBelow reports whether the repository is the path or below it; everything is below "".
func isBelow(repository, path string) bool {
	return path == "" || repository == path || strings.HasPrefix(repository, path+"/")
}

// matchesPattern matches like the kubelet: each * of a pull secret's pattern, e.g. "*.example.com",
// is one label of a host.
func matchesPattern(pattern, host string) bool {
	if !strings.Contains(pattern, "*") {
		return false
	}
	left, right := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(left) != len(right) {
		return false
	}
	for i, part := range left {
		before, after, star := strings.Cut(part, "*")
		if !star && part != right[i] {
			return false
		}
		if star && (len(right[i]) < len(before)+len(after) || !strings.HasPrefix(right[i], before) || !strings.HasSuffix(right[i], after)) {
			return false
		}
	}
	return true
}

func fromEntry(found entry, host string, from loaded) (Credentials, *SourceError) {
	username, password, err := found.login()
	if err != nil {
		return Credentials{}, &SourceError{Host: host, Source: from.name, Origin: from.origin, Cause: err}
	}
	credentials := Credentials{
		Username: username, Secret: password, RegistryToken: found.RegistryToken, Source: from.name, Origin: from.origin,
	}
	if found.RegistryToken != "" && !isToken(found.RegistryToken) {
		return Credentials{}, &SourceError{Host: host, Source: from.name, Origin: from.origin, Cause: errors.New(`its "registrytoken" has characters that a header cannot have`)}
	}
	if found.IdentityToken != "" {
		credentials.Username, credentials.Secret = "", found.IdentityToken
	}
	if credentials.anonymous() {
		return Credentials{}, nil
	}
	return credentials, nil
}

// keysOf returns the names that a host may have in a config, the one that docker
// writes first.
func keysOf(host string) []string {
	switch host {
	case hubHost, "docker.io", "index.docker.io":
		return []string{hubKey, "index.docker.io", "docker.io", hubHost}
	}
	return []string{host}
}

// splitKey returns the host of a key, with its port, and the path of its entry.
func splitKey(name string) (host, path string) {
	rest := name
	if strings.Contains(name, "://") {
		if parsed, err := url.Parse(name); err == nil && parsed.Host != "" {
			rest = parsed.Host + parsed.Path
		}
	}
	host, path, _ = strings.Cut(rest, "/")
	switch path = strings.Trim(path, "/"); path {
	case "v1", "v2":
		path = ""
	}
	return host, path
}

// hostOf returns the host, with its port, of a URL or of a name with a path.
func hostOf(name string) string {
	host, _ := splitKey(name)
	return host
}

// entriesOf returns the entries for the host and its repositories, as one text.
func (k *keychain) entriesOf(host string) string {
	if !k.allows(host) {
		return ""
	}
	var text strings.Builder
	configs := append(slices.Clone(k.extra), k.env, k.file)
	for _, each := range k.scoped {
		if slices.Contains(keysOf(host), each.host) {
			configs = append(configs, each.loaded())
		}
	}
	for _, from := range configs {
		for _, name := range sortedKeys(from.config.Auths) {
			each := from.config.Auths[name]
			if slices.Contains(keysOf(host), name) || slices.Contains(keysOf(host), hostOf(name)) {
				fmt.Fprintf(&text, "%q", []string{name, each.Auth, each.Username, each.Password, each.IdentityToken, each.RegistryToken})
			}
		}
	}
	return text.String()
}
