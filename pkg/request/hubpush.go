package request

import (
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// checkPushes refuses to push a name without a registry: it silently means Docker Hub's official images, where only
// Docker may push. A name that says library/ is meant.
func (o Output) checkPushes(r *Request, _ Environment) error {
	for _, out := range r.outputs {
		if !out.pushes() {
			continue
		}
		for name := range strings.SplitSeq(out.attrs["name"], ",") {
			named, err := reference.ParseNormalizedNamed(name)
			if err != nil || strings.Contains(name, "library/") {
				continue
			}
			official := named.Name()
			if repository, found := strings.CutPrefix(official, "docker.io/library/"); found {
				flag := "--output"
				if slices.Contains(r.tags, name) {
					flag = "--tag"
				}
				return &usage.Error{
					What: flag, Value: name, Reason: "this is " + official + ", where only Docker may push",
					Next: "name a registry, e.g. registry.example.com/team/" + repository + ", or your account of Docker Hub: USER/" + repository,
				}
			}
		}
	}
	return nil
}
