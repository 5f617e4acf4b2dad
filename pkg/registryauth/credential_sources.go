package registryauth

import (
	"context"
	"slices"
)

// The names of Docker Hub: that of requests, the key of its credentials, and those
// that users write.
const (
	hubHost = "registry-1.docker.io"
	hubKey  = "https://index.docker.io/v1/"
)

// Origin is the kind of a credentials' source.
type Origin int

// The origins, in the order in which they are tried.
const (
	FromNowhere     Origin = iota
	FromSecret             // ParseSecret
	FromEnvironment        // DOCKER_AUTH_CONFIG
	FromScope              // a config of buildx for one repository
	FromFile               // the docker config itself
	FromHelper             // a credential helper that a docker config names
)

// Credentials are the credentials for one registry. The zero value is anonymous.
type Credentials struct {
	Username      string
	Secret        string // password, or identity token if Username is empty
	RegistryToken string // a bearer token that is sent as it is
	Source        string // the source, for messages
	Origin        Origin
	identity      bool   // the secret is an identity token, though there is a user name
	path          string // of the repositories they are for; empty if for the whole registry
	helper        string // the helper's name in the config
}

// anonymous reports whether there are no credentials.
func (c Credentials) anonymous() bool { return c.Secret == "" && c.RegistryToken == "" }

// purpose is the registry and the operation that credentials are needed for.
type purpose struct {
	host string // that requests go to
	path string // the repository; "" if it is the registry as a whole, or not known
	push bool
}

// keychain finds credentials, in this order: Secrets of the cluster, the environment, a config of
// buildx for the repository, the docker config; in each of them the longest path first.
type keychain struct {
	env     loaded   // DOCKER_AUTH_CONFIG
	file    loaded   // the docker config
	scoped  []scoped // buildx's
	extra   []loaded // of the cluster
	allowed []string // hosts whose credentials may be used; nil is all
	helpers programs
}

// loaded is a docker config that was read.
type loaded struct {
	name   string // for messages
	origin Origin
	config config
	faults []*ConfigError
}

// unusable returns the fault that makes all credentials of the config unusable; nil if there is
// none.
func (l loaded) unusable() *ConfigError {
	for _, fault := range l.faults {
		if !fault.Used && (fault.Field == "" || fault.Field == authsKey) {
			return fault
		}
	}
	return nil
}

// source is a source of credentials for a purpose. It is read on demand: a helper may open a
// window.
type source struct {
	index int // among those for the same purpose
	read  func(ctx context.Context) (Credentials, *SourceError)
}

// find returns the first credentials, whether or not a registry would accept them. If a source of
// the host fails, and no other has any, they are anonymous and unread is the error: many pulls need
// no credentials.
func (k *keychain) find(ctx context.Context, at purpose) (found Credentials, unread *SourceError) {
	for _, each := range k.sources(at) {
		credentials, err := each.read(ctx)
		if !credentials.anonymous() {
			return credentials, nil
		}
		if unread == nil {
			unread = err
		}
	}
	return Credentials{}, unread
}

// sources returns the sources in their order. Docker's other registries accept the login of Docker
// Hub, which may be in a helper that has none for them.
func (k *keychain) sources(at purpose) []source {
	if !k.allows(at.host) {
		return nil
	}
	list := k.candidates(at)
	if takesHubLogin(at.host) {
		list = append(list, k.candidates(purpose{host: hubHost, push: at.push})...)
	}
	return list
}

func (k *keychain) candidates(at purpose) []source {
	list := k.inline(at, FromSecret, k.extra...)
	list = append(list, k.inline(at, FromEnvironment, k.env)...)
	for _, each := range k.scopedFor(at) {
		list = append(list, k.inConfig(at, each.loaded())...)
	}
	return append(list, k.inConfig(at, k.file)...)
}

func (k *keychain) allows(host string) bool {
	return k.allowed == nil || slices.Contains(k.allowed, shownHost(host))
}

// takesHubLogin reports whether the registry accepts the accounts of Docker Hub.
func takesHubLogin(host string) bool {
	return host == "dhi.io" || host == "registry.scout.docker.com"
}

// inConfig returns the sources of a config: the entries for a path, then the helper, which is for
// the whole registry, then the entries for the whole registry.
func (k *keychain) inConfig(at purpose, from loaded) []source {
	var list []source
	if fault := from.unusable(); fault != nil {
		unread := &SourceError{Host: at.host, Source: from.name, Origin: from.origin, Cause: fault}
		list = append(list, source{read: func(context.Context) (Credentials, *SourceError) { return Credentials{}, unread }})
	}
	matches := matching(from.config.Auths, at, false)
	whole := slices.IndexFunc(matches, func(m match) bool { return m.path == "" })
	if whole < 0 {
		whole = len(matches)
	}
	for _, each := range matches[:whole] {
		list = append(list, each.source(at.host, from))
	}
	keys := keysOf(at.host)
	if helper := from.config.helper(keys); helper != "" {
		list = append(list, source{read: func(ctx context.Context) (Credentials, *SourceError) {
			return k.helpers.ask(ctx, helper, at.host, keys[0])
		}})
	}
	for _, each := range matches[whole:] {
		list = append(list, each.source(at.host, from))
	}
	return list
}

// inline returns the entries of several configs: the longest path first, then in the order of the
// configs.
func (k *keychain) inline(at purpose, origin Origin, configs ...loaded) []source {
	type candidate struct {
		match
		from loaded
	}
	var all []candidate
	var list []source
	for _, from := range configs {
		if fault := from.unusable(); fault != nil {
			unread := &SourceError{Host: at.host, Source: from.name, Origin: origin, Cause: fault}
			list = append(list, source{read: func(context.Context) (Credentials, *SourceError) { return Credentials{}, unread }})
		}
		for _, each := range matching(from.config.Auths, at, origin == FromSecret) {
			all = append(all, candidate{each, from})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return len(b.path) - len(a.path) })
	for _, each := range all {
		list = append(list, each.source(at.host, each.from))
	}
	return list
}
