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

// Survey is what the docker config says, without any secret.
type Survey struct {
	// Path is the config file, which may be absent.
	Path   string `json:"path"`
	Absent bool   `json:"absent,omitempty"`
	// Registries are the hosts there are credentials for, in the file or the environment. What a helper that keeps all
	// of them has is known only when a registry is asked for.
	Registries []string `json:"registries"`
	// Helpers are the credential helpers it names.
	Helpers []Helper `json:"helpers,omitempty"`
}

// Helper is a credential helper.
type Helper struct {
	Program string `json:"program"`
	// Hosts are the registries it is named for; none means all others.
	Hosts []string `json:"hosts,omitempty"`
	// Missing says that the program is not in PATH.
	Missing bool `json:"missing,omitempty"`
}

// Survey says what the config holds. No helper is run.
func (p *Provider) Survey() Survey {
	file := p.keychain.file
	survey := Survey{Path: p.keychain.path, Registries: []string{}}
	if _, err := os.Stat(survey.Path); errors.Is(err, fs.ErrNotExist) {
		survey.Absent = true
	}
	hosts := map[string]bool{}
	for _, entries := range []map[string]entry{file.Auths, p.keychain.env} {
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

// keyHost is the host that a key of the config stands for.
func keyHost(key string) string {
	if slices.Contains(keysOf("docker.io"), key) {
		return "docker.io"
	}
	return strings.TrimSuffix(hostOf(key), "/")
}

// Standing is how a registry sees this machine and its credentials.
type Standing struct {
	// Source is where the credentials came from; empty when there are none.
	Source string `json:"source,omitempty"`
	User   string `json:"user,omitempty"`
	// Open says that the registry did not ask for credentials.
	Open bool `json:"open,omitempty"`
}

// Reach asks a registry, as ParseHost names it, whether it accepts the credentials. The error is a *DeniedError, a
// *TokenError or an *UnreachableError.
func (p *Provider) Reach(ctx context.Context, host string) (Standing, error) {
	return p.stand(ctx, repository{host: requestHost(host)})
}

// MayPush asks the registry of a reference whether its credentials allow to push it; nothing is pushed. Unlike Preflight
// it also says why a registry could not be asked. The errors are those of Reach.
func (p *Provider) MayPush(ctx context.Context, reference string) (Standing, error) {
	if !ValidReference(reference) {
		return Standing{}, fmt.Errorf("%q is not the name of an image", reference)
	}
	return p.stand(ctx, repositoriesOf([]string{reference})[0])
}

func (p *Provider) stand(ctx context.Context, at repository) (Standing, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, preflightPatience, errors.New("no answer in "+preflightPatience.String()))
	defer cancel()
	a := p.beginAt(ctx, at)
	defer a.cancelUpload(ctx)
	standing := Standing{Source: a.credentials.Source, User: a.credentials.Username, Open: a.err == nil && a.granted.header == ""}
	shown := shownHost(at.host)
	switch {
	case refusedStatus(a.err):
		return standing, p.refused(at.host, a.err)
	case a.err != nil && context.Cause(ctx) != nil:
		return standing, &UnreachableError{Host: shown, Cause: context.Cause(ctx)}
	case a.err != nil:
		if token := (&TokenError{}); errors.As(a.err, &token) {
			return standing, a.err
		}
		return standing, unreachable(shown, a.err)
	case a.got.refuses(), a.got.code == http.StatusUnauthorized, a.got.code == http.StatusForbidden:
		return standing, p.refused(at.host, errors.New(a.got.said(a.credentials.Secret)))
	case a.got.code != at.welcome():
		return standing, &UnreachableError{Host: shown, Cause: errors.New("it does not answer as a registry does: " + a.got.said(a.credentials.Secret))}
	}
	return standing, nil
}
