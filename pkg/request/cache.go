package request

import (
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Cache is what may be reused: --no-cache, --no-cache-filter, --pull and the
// external caches.
type Cache struct {
	NoCache       bool     // --no-cache
	NoCacheFilter []string // --no-cache-filter
	Pull          bool     // --pull
	CacheFrom     []string // --cache-from
	CacheTo       []string // --cache-to
	ImportCache   []string // --import-cache
	ExportCache   []string // --export-cache
}

func (o Cache) apply(r *Request, env Environment) error {
	if o.NoCache && len(o.NoCacheFilter) > 0 {
		return &usage.Error{
			What: "--no-cache-filter", Value: strings.Join(o.NoCacheFilter, ","), Reason: "--no-cache already runs every stage again",
			Next: "leave one of them out",
		}
	}
	if len(o.NoCacheFilter) > 0 {
		r.attrs["no-cache"] = strings.Join(o.NoCacheFilter, ",")
	}
	if o.NoCache {
		r.attrs["no-cache"] = ""
	}
	if o.Pull {
		r.attrs["image-resolve-mode"] = "pull"
	}
	return o.applyCaches(r, env)
}
