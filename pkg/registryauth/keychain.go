package registryauth

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Docker Hub has many names: the one requests go to, the one its credentials are
// under, and those that users write.
const (
	hubHost = "registry-1.docker.io"
	hubKey  = "https://index.docker.io/v1/"
)

// credentialsAge is how long an answer of a helper is used. Some give tokens that
// live five minutes.
const credentialsAge = 4*time.Minute + 50*time.Second

// Credentials are what is known for one registry. The zero value is anonymous.
type Credentials struct {
	Username      string
	Secret        string // password, or identity token if Username is empty
	RegistryToken string // a bearer token that is to be sent as it is
	Source        string // where they come from, for messages
	identity      bool   // the secret is an identity token, though there is a user name
}

// keychain finds credentials by host.
type keychain struct {
	path string // of the config file, for messages
	file config
	env  map[string]entry // DOCKER_AUTH_CONFIG, which comes before the file
	lent []lent           // which come first

	// One helper at a time: some of them open a window or a keychain.
	mu    sync.Mutex
	known map[string]answer
}

// lent are credentials that are no part of the docker config.
type lent struct {
	name  string // for messages
	auths map[string]entry
}

type answer struct {
	credentials Credentials
	unread      *SourceError
	at          time.Time
}

// find returns the credentials for the host. If a source that is named for the
// host fails, the credentials are anonymous and unread says why: many a pull
// needs none.
func (k *keychain) find(ctx context.Context, host string) (Credentials, *SourceError) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if got, ok := k.known[host]; ok && time.Since(got.at) < credentialsAge {
		return got.credentials, got.unread
	}
	credentials, unread := k.look(ctx, host)
	if ctx.Err() == nil {
		k.known[host] = answer{credentials: credentials, unread: unread, at: time.Now()}
	}
	return credentials, unread
}

func (k *keychain) look(ctx context.Context, host string) (Credentials, *SourceError) {
	keys := keysOf(host)
	for _, source := range k.lent {
		if found, ok := matching(source.auths, keys); ok && !found.empty() {
			return fromEntry(found, host, source.name)
		}
	}
	if found, ok := matching(k.env, keys); ok {
		return fromEntry(found, host, authEnv)
	}
	var unread *SourceError
	if helper := k.file.helper(keys); helper != "" {
		var credentials Credentials
		credentials, unread = fromHelper(ctx, helper, host, keys[0])
		if credentials != (Credentials{}) {
			return credentials, nil
		}
	}
	if found, ok := matching(k.file.Auths, keys); ok && !found.empty() {
		return fromEntry(found, host, k.path)
	}
	return Credentials{}, unread
}

func fromHelper(ctx context.Context, suffix, host, server string) (Credentials, *SourceError) {
	source := helperSource(suffix)
	found, username, secret, err := askHelper(ctx, suffix, server)
	if err != nil {
		return Credentials{}, &SourceError{Host: host, Source: source, Cause: err}
	}
	if !found {
		return Credentials{}, nil
	}
	if username == tokenUser {
		username = ""
	}
	return Credentials{Username: username, Secret: secret, Source: source}, nil
}

func fromEntry(found entry, host, source string) (Credentials, *SourceError) {
	username, password, err := found.login()
	if err != nil {
		return Credentials{}, &SourceError{Host: host, Source: source, Cause: err}
	}
	credentials := Credentials{
		Username: username, Secret: password, RegistryToken: found.RegistryToken, Source: source,
	}
	if found.IdentityToken != "" {
		credentials.Username, credentials.Secret = "", found.IdentityToken
	}
	if credentials.Secret == "" && credentials.RegistryToken == "" {
		return Credentials{}, nil
	}
	return credentials, nil
}

// keysOf lists the names under which a host may be in a config, the one docker
// writes first.
func keysOf(host string) []string {
	switch host {
	case hubHost, "docker.io", "index.docker.io":
		return []string{hubKey, "index.docker.io", "docker.io", hubHost}
	}
	return []string{host}
}

// matching looks for the keys as they are, and then for entries of old configs,
// which are URLs.
func matching(entries map[string]entry, keys []string) (entry, bool) {
	for _, key := range keys {
		if found, ok := entries[key]; ok {
			return found, true
		}
	}
	for _, name := range sortedKeys(entries) {
		for _, key := range keys {
			if hostOf(name) == key {
				return entries[name], true
			}
		}
	}
	return entry{}, false
}

// hostOf is the host, with its port, of a URL or of a name with a path.
func hostOf(name string) string {
	if strings.Contains(name, "://") {
		if parsed, err := url.Parse(name); err == nil && parsed.Host != "" {
			return parsed.Host
		}
	}
	host, _, _ := strings.Cut(name, "/")
	return host
}
