package explain

import (
	"errors"

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
	if report, known := explainPublishing(err); known {
		return report, true // also of the errors below
	}
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
