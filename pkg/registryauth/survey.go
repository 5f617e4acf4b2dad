package registryauth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Survey is the content of the docker config, without secrets.
type Survey struct {
	// Path is the config file, which may be absent; empty without a home directory.
	Path   string `json:"path"`
	Absent bool   `json:"absent,omitempty"`
	// Registries are the hosts with credentials in the file or the environment. Those in a helper
	// for all registries are not listed.
	Registries []string `json:"registries"`
	// Faults are the errors of the parts that could not be read.
	Faults []string `json:"faults,omitempty"`
	// Helpers are the credential helpers in the config.
	Helpers []Helper `json:"helpers,omitempty"`
}

// Helper is a credential helper.
type Helper struct {
	Program string `json:"program"`
	// Hosts are the registries that it is configured for; empty for all others.
	Hosts []string `json:"hosts,omitempty"`
	// Missing reports whether the program is not in PATH.
	Missing bool `json:"missing,omitempty"`
}

// Survey returns the content of the config. It runs no helper.
func (c *Config) Survey() Survey {
	file := c.file.config
	survey := Survey{Path: c.file.name, Registries: []string{}, Faults: c.Warnings()}
	if _, err := os.Stat(survey.Path); errors.Is(err, fs.ErrNotExist) {
		survey.Absent = true
	}
	hosts := map[string]bool{}
	for _, entries := range []map[string]entry{file.Auths, c.env.config.Auths} {
		for name, each := range entries {
			if !each.empty() {
				hosts[shownHost(keyHost(name))] = true
			}
		}
	}
	survey.Registries = slices.AppendSeq(survey.Registries, maps.Keys(hosts))
	slices.Sort(survey.Registries)
	named := map[string][]string{}
	if file.Store != "" {
		named[file.Store] = nil
	}
	for _, host := range sortedKeys(file.HostHelpers) {
		if suffix := file.HostHelpers[host]; suffix != "" && suffix != file.Store {
			named[suffix] = append(named[suffix], shownHost(keyHost(host)))
		}
	}
	for _, suffix := range sortedKeys(named) {
		_, err := exec.LookPath(helperName(suffix))
		survey.Helpers = append(survey.Helpers, Helper{Program: helperName(suffix), Hosts: named[suffix], Missing: err != nil})
	}
	return survey
}

// keyHost returns the host of a key of the config.
func keyHost(key string) string {
	if slices.Contains(keysOf("docker.io"), key) {
		return "docker.io"
	}
	return strings.TrimSuffix(hostOf(key), "/")
}

// Standing is the access that a registry grants to this machine and its credentials.
type Standing struct {
	// Source is the source of the credentials; empty if there are none.
	Source string `json:"source,omitempty"`
	User   string `json:"user,omitempty"`
	// Open reports whether the registry accepts anonymous access.
	Open bool `json:"open,omitempty"`
	// Unseen reports whether the repository does not exist yet, or is not visible with these
	// credentials. Whether it may be created is known at a push only: a request for it would create
	// it in some registries.
	Unseen bool `json:"unseen,omitempty"`
}

// Reach checks whether a registry, which ParseHost has returned, accepts the credentials. The error
// is a *DeniedError, a *TokenError or an *UnreachableError.
func (p *Provider) Reach(ctx context.Context, host string) (Standing, error) {
	return p.stand(ctx, purpose{host: requestHost(host)})
}

// MayPush checks whether the credentials allow to push the reference; it changes nothing at the
// registry. Unlike Preflight it also returns an error if the registry cannot be reached. The errors
// are those of Reach.
func (p *Provider) MayPush(ctx context.Context, reference string) (Standing, error) {
	if !ValidReference(reference) {
		return Standing{}, fmt.Errorf("%q is not the name of an image", reference)
	}
	at := repositoriesOf([]string{reference})[0]
	at.push = true
	return p.stand(ctx, at)
}

func (p *Provider) stand(ctx context.Context, at purpose) (Standing, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, preflightLimit, errors.New("no answer in "+preflightLimit.String()))
	defer cancel()
	a := p.access(ctx, at)
	standing := Standing{
		Source: a.credentials.Source, User: a.credentials.Username, Unseen: a.unseen,
		Open: a.err == nil && a.granted.header == "",
	}
	shown := shownHost(at.host)
	if a.refused != nil {
		return standing, p.refused(a, at)
	}
	if a.err != nil {
		token := &TokenError{}
		if errors.As(a.err, &token) && context.Cause(ctx) == nil {
			return standing, a.err
		}
		return standing, p.unreachable(ctx, at.host, a.err)
	}
	if !a.answers(at) {
		return standing, &UnreachableError{Host: shown, Cause: errors.New("it does not respond like a registry: " + a.got.message(a.credentials))}
	}
	return standing, nil
}

// answers reports whether the registry responds as expected: it has no upload with the ID noUpload.
func (a *attempt) answers(at purpose) bool {
	if at.path == "" || a.unseen {
		return a.got.code < http.StatusInternalServerError && (at.path != "" || a.got.code == http.StatusOK)
	}
	return a.got.code < http.StatusInternalServerError && a.got.code != http.StatusUnauthorized && a.got.code != http.StatusForbidden
}
