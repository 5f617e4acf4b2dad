package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// explainRegistry is about registries and the credentials for them.
func explainRegistry(err error) (Report, bool) {
	var (
		denied      *registryauth.DeniedError
		token       *registryauth.TokenError
		config      *registryauth.ConfigError
		login       *registryauth.LoginError
		unreachable *registryauth.UnreachableError
		store       *registryauth.StoreError
		cache       *solve.CacheRefusedError
	)
	switch {
	case errors.As(err, &denied):
		next := nextForDenied(denied)
		if early := (&driver.PreflightError{}); errors.As(err, &early) {
			next += "; --preflight=false builds without asking first"
		}
		return Report{Text: denied.Error(), Next: next}, true
	case errors.As(err, &unreachable):
		return Report{Text: err.Error(), Next: nextForUnreachable(unreachable)}, true
	case errors.As(err, &login):
		return Report{Text: err.Error(), Next: nextForLogin(login)}, true
	case errors.As(err, &token):
		return Report{Text: err.Error(), Next: nextForToken(token)}, true
	case errors.As(err, &config):
		return Report{Text: err.Error(), Next: "fix the file, or name another directory in $DOCKER_CONFIG"}, true
	case errors.As(err, &cache):
		return Report{Text: cache.Error(), Next: nextForCache(cache)}, true
	case errors.As(err, &store):
		return Report{Text: err.Error(), Next: nextForStore(store)}, true
	}
	return Report{}, false
}

func nextForCache(e *solve.CacheRefusedError) string {
	cache := "--cache-to type=registry,ref=" + e.Reference
	next := cache + ",ignore-error=true builds without it; --cache-to type=local,dest=DIR keeps it on this machine"
	if e.Index {
		next = cache + ",image-manifest=true,oci-mediatypes=true has a form that more registries take; " + next
	}
	return next
}

func nextForStore(e *registryauth.StoreError) string {
	switch full := spent(e.Cause); {
	case e.Helper == "" && full:
		return "free space there, or name another directory in $DOCKER_CONFIG"
	case e.Helper == "":
		return "check the permissions there, or name another directory in $DOCKER_CONFIG"
	}
	return fmt.Sprintf("fix or install %s, or take its name out of credsStore and credHelpers in %s", e.Helper, e.Path)
}

// nextForLogin adds what some registries do not report to their users.
func nextForLogin(e *registryauth.LoginError) string {
	is := func(ends ...string) bool {
		for _, end := range ends {
			if e.Host == end || strings.HasSuffix(e.Host, "."+end) {
				return true
			}
		}
		return false
	}
	switch {
	case e.Unasked:
		return "no password was sent: check the registry's name, and whether a firewall or the registry itself denies this machine's address"
	case is("ocir.io"):
		return "the user name is TENANCY-NAMESPACE/USER (with an identity domain TENANCY-NAMESPACE/DOMAIN/USER), the password an auth token made in the console"
	case is("docker.io"):
		return "with two-factor authentication or single sign-on the password is a personal access token"
	case is("ghcr.io"):
		return "the password is a personal access token (classic) with the scope write:packages"
	case is("gcr.io", "pkg.dev"):
		return "the user name is oauth2accesstoken with a token of gcloud auth print-access-token, or _json_key with a key file"
	case is("amazonaws.com"):
		return "the user name is AWS, the password what aws ecr get-login-password prints; it is good for twelve hours"
	case is("azurecr.io"):
		return "the user name is that of a service principal or a token; or 00000000-0000-0000-0000-000000000000 with what az acr login --expose-token prints"
	}
	return "check user name and password; some registries want an access token in place of the password"
}
