package solve

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// cacheRegistry is BuildKit's name for caches that are kept in a registry.
const cacheRegistry = "registry"

// CacheRefusedError is returned when a registry rejects a build's cache, though it
// may accept images. Many registries reject manifests that are not images.
type CacheRefusedError struct {
	Registry  string // its host
	Reference string // of the cache; empty if the daemon does not report it
	Status    string // of the registry's response, e.g. "400 Bad Request"
	Index     bool   // the cache was sent as an index, which more registries reject than a manifest
	Built     bool   // everything else succeeded: the images are pushed, the files are written
	Pushed    string // the image that was pushed, with its digest; may be empty
	Cause     error
}

func (e *CacheRefusedError) Error() string {
	text := fmt.Sprintf("registry %q rejected the build cache: %s", e.Registry, e.Status)
	switch {
	case e.Pushed != "":
		text += fmt.Sprintf("; the image is pushed: %s", e.Pushed)
	case e.Built:
		text += "; all other outputs are written"
	default:
		text += "; the outputs may be incomplete"
	}
	return text
}

func (e *CacheRefusedError) Unwrap() error { return e.Cause }

// Class returns fault.Failed.
func (*CacheRefusedError) Class() fault.Class { return fault.Failed }

// cacheRefusalOf reads the daemon's report of a cache export that a registry
// rejected, e.g. `error writing manifest blob: failed commit on ref "sha256:…":
// unexpected status from PUT request to https://r.io/v2/a/b/manifests/cache: 400
// Bad Request`. It returns nil for any other error, and if the user was denied.
func cacheRefusalOf(err error) *CacheRefusedError {
	text := err.Error()
	if !strings.Contains(text, "error writing manifest blob: ") && !strings.Contains(text, "error writing config blob: ") {
		return nil
	}
	_, rest, found := strings.Cut(text, "://")
	host, rest, named := strings.Cut(rest, "/v2/")
	path, status, answered := strings.Cut(rest, ": ")
	if !found || !named || !answered || host == "" || strings.ContainsAny(host, " /") {
		return nil
	}
	status, _, _ = strings.Cut(status, "\n")
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		if strings.HasPrefix(status, fmt.Sprint(code)) {
			return nil
		}
	}
	refused := &CacheRefusedError{Registry: host, Status: status, Cause: err}
	if repository, tag, ok := strings.Cut(path, "/manifests/"); ok && !strings.Contains(tag, "@") && !strings.HasPrefix(tag, "sha256:") {
		refused.Reference = host + "/" + repository + ":" + tag
	}
	return refused
}

// addDetails adds the properties that the request has of the cache.
func (e *CacheRefusedError) addDetails(options client.SolveOpt) {
	for _, entry := range options.CacheExports {
		if e.matches(entry) && entry.Attrs["image-manifest"] == "false" {
			e.Index = true
		}
		if e.matches(entry) && e.Reference == "" {
			e.Reference = entry.Attrs["ref"]
		}
	}
}

func (e *CacheRefusedError) matches(entry client.CacheOptionsEntry) bool {
	named, err := reference.ParseNormalizedNamed(entry.Attrs["ref"])
	if entry.Type != cacheRegistry || err != nil {
		return false
	}
	domain := reference.Domain(named)
	return domain == e.Registry || domain == "docker.io" && strings.HasSuffix(e.Registry, ".docker.io")
}

// removeFrom removes the rejected cache from the attempt. Every step has just run,
// so none has to run again.
func (e *CacheRefusedError) removeFrom(attempt *request.Attempt) {
	options := &attempt.Options
	options.CacheExports = slices.DeleteFunc(options.CacheExports, e.matches)
	delete(options.FrontendAttrs, "no-cache")
}
