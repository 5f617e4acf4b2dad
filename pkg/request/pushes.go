package request

import (
	"slices"
	"strings"
)

// Pushes are the references that a build of this request fails without being
// able to push: its images, and its caches in registries.
func (r *Request) Pushes() []string {
	var references []string
	for _, out := range r.outputs {
		if out.pushes() {
			references = append(references, strings.Split(out.attrs["name"], ",")...)
		}
	}
	for _, entry := range r.cacheExports {
		ignore, set := entry.Attrs["ignore-error"]
		if ignored := set && isTrue(ignore); entry.Type == cacheRegistry && !ignored {
			references = append(references, entry.Attrs["ref"])
		}
	}
	slices.Sort(references)
	return slices.Compact(references)
}
