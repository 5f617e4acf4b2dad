package request

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/util/entitlements"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Entitlements are what steps may do beyond the usual: --allow.
type Entitlements struct {
	Allow []string // --allow
}

// localDelete lets an output of mode=delete empty any directory. It is this
// machine's own business and not sent.
const localDelete = "buildx.local.delete"

func (o Entitlements) apply(r *Request, _ Environment) error {
	for _, value := range o.Allow {
		switch {
		case value == "":
			continue
		case value == localDelete:
			r.deleteAnywhere = true
			continue
		case strings.HasPrefix(value, localDelete+"="):
			return &usage.Error{What: "--allow", Value: value, Reason: localDelete + " takes no value", Next: "use --allow " + localDelete}
		}
		if _, _, err := entitlements.Parse(value); err != nil {
			return &usage.Error{
				What: "--allow", Value: value, Reason: err.Error(),
				Next: "use network.host, security.insecure, device[=NAME] or " + localDelete,
			}
		}
		if !slices.Contains(r.allowed, value) {
			r.allowed = append(r.allowed, value)
		}
	}
	return nil
}
