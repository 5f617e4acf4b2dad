package explain

import (
	"errors"
	"net/http"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imagetags"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
)

// buildAgain is the remedy for what may succeed later.
const buildAgain = "run the build again: its steps are cached"

// explainPublishing is about the index of several platforms, which this client makes and publishes.
func explainPublishing(err error) (Report, bool) {
	var (
		tags     *imagetags.Error
		missing  *imagetags.MissingError
		manifest *registryauth.ManifestError
		part     *imageindex.PartError
		large    *imageindex.TooLargeError
		platform *imageindex.PlatformError
	)
	switch {
	case errors.As(err, &tags):
		return Report{Text: err.Error(), Next: nextForTags(tags)}, true
	case errors.As(err, &manifest):
		return Report{Text: err.Error(), Next: nextForManifest(manifest)}, true
	case errors.As(err, &missing):
		return Report{Text: err.Error(), Next: otherRegistry}, true
	case errors.As(err, &part):
		return Report{Text: err.Error(), Next: "check that all members run the same version of BuildKit, and whether the builder can be trusted"}, true
	case errors.As(err, &large):
		return Report{Text: err.Error(), Next: "use fewer platforms or annotations"}, true
	case errors.As(err, &platform):
		return Report{Text: err.Error()}, true
	}
	return Report{}, false
}

// otherRegistry is the remedy for a registry that does not follow the protocol.
const otherRegistry = "check the registry and the proxies before it, or push to another registry"

// nextForTags is the remedy for the cause, and for tags that were not put back.
func nextForTags(e *imagetags.Error) string {
	var (
		denied      *registryauth.DeniedError
		unreachable *registryauth.UnreachableError
		token       *registryauth.TokenError
		manifest    *registryauth.ManifestError
		missing     *imagetags.MissingError
	)
	next := buildAgain
	switch {
	case errors.As(e.Cause, &denied):
		next = nextForDenied(denied)
	case errors.As(e.Cause, &token):
		next = nextForToken(token)
	case errors.As(e.Cause, &manifest):
		next = nextForManifest(manifest)
	case errors.As(e.Cause, &unreachable):
		next = nextForUnreachable(unreachable) + "; this machine must reach the registry, since the tags of a build on several members are moved from here"
	case errors.As(e.Cause, &missing):
		next = otherRegistry
	}
	if len(e.Changed()) > 0 {
		next += "; the same build moves all tags, or puts back those that it moved"
	}
	return next
}

func nextForManifest(e *registryauth.ManifestError) string {
	switch {
	case e.Busy():
		return buildAgain
	case e.Tag && e.Doing != "reading" && e.Status >= http.StatusBadRequest:
		return "the registry may forbid to change tags that exist, or to create this one: use another tag, or change its rules"
	case e.Status == http.StatusForbidden || e.Status == http.StatusUnauthorized:
		return "check that the credentials may push there"
	}
	return otherRegistry
}
