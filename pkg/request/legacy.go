package request

import "github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"

// Legacy are flags of docker's builder before BuildKit, which scripts still give.
type Legacy struct {
	KeepContainers  bool     // --rm=false
	Squash          bool     // --squash
	Isolation       string   // --isolation
	SecurityOptions []string // --security-opt
	MoreResources   []string // --memory and the others, as --resource has them
}

// apply refuses what cannot be done. That no containers remain, as --rm and
// --force-rm want it, is always so.
func (o Legacy) apply(r *Request, _ Environment) error {
	switch {
	case o.KeepContainers:
		return &usage.Error{What: "--rm", Value: "false", Reason: "BuildKit has no intermediate containers that could be kept", Next: "leave it out"}
	case o.Squash:
		return &usage.Error{What: "--squash", Reason: "BuildKit does not squash layers", Next: "copy the files into a last stage: COPY --from=build / /"}
	case o.Isolation != "" && o.Isolation != "default":
		return &usage.Error{What: "--isolation", Value: o.Isolation, Reason: "BuildKit has one kind of isolation only", Next: "leave it out"}
	case len(o.SecurityOptions) > 0:
		return &usage.Error{
			What: "--security-opt", Value: o.SecurityOptions[0], Reason: "BuildKit does not know it",
			Next: "use RUN --security=insecure with --allow security.insecure",
		}
	}
	return applyResources(r, o.MoreResources)
}
