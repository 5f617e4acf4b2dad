package request

import (
	"io"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// maxDefinition is the maximum size of a definition on standard input, in bytes, so
// that a wrong pipe is an error and does not fill the memory.
const maxDefinition = 64 << 20

// localScheme is the scheme of a source that is a directory of the client.
const localScheme = "local://"

// begin selects one of three forms before the groups set defaults: docker's, with
// PATH; buildctl's, with --frontend; or, with neither, a definition in LLB on
// standard input, which buildctl reads from a program.
func (o Options) begin(r *Request, env Environment) error {
	if o.FrontendName != "" || o.Path != "" || env.Stdin == nil {
		return o.Frontend.begin(r, env)
	}
	r.plain, r.defined, r.frontend = true, true, ""
	for _, misplaced := range []struct {
		flag  string
		given bool
	}{
		{"--opt", len(o.Opts) > 0}, {"--file", o.File != ""}, {"--build-context", len(o.BuildContexts) > 0},
		{"--build-arg", len(o.BuildArgs) > 0}, {"--target", o.Target != ""}, {"--platform", len(o.Platforms) > 0},
		{"--label", len(o.Labels) > 0}, {"--no-cache-filter", len(o.NoCacheFilter) > 0}, {"--pull", o.Pull},
		{"--call", o.Method != "" && o.Method != callBuild}, {"--check", o.Check},
		{"--add-host", len(o.AddHosts) > 0}, {"--cgroup-parent", o.CgroupParent != ""},
		{"--network", o.Network != "" && o.Network != networkDefault}, {"--shm-size", o.ShmSize != ""},
		{"--ulimit", len(o.Ulimits) > 0}, {"--resource", len(o.Resources)+len(o.MoreResources) > 0},
	} {
		if misplaced.given {
			return &usage.Error{
				What: misplaced.flag, Reason: "without PATH and --frontend an LLB definition is read from standard input, and the flag needs a frontend",
				Next: `name the build context, e.g. "." for the current directory, or leave ` + misplaced.flag + " out",
			}
		}
	}
	return nil
}

// readDefinition is called last, since it waits for standard input.
func (o Options) readDefinition(r *Request, env Environment) error {
	if !r.defined {
		return nil
	}
	wrong := func(reason string) error {
		return &usage.Error{
			What: "standard input", Reason: reason,
			Next: `name the build context, e.g. "." for the current directory, or pipe an LLB definition into it`,
		}
	}
	text, err := io.ReadAll(io.LimitReader(env.Stdin, maxDefinition+1))
	switch {
	case err != nil:
		return err
	case len(text) == 0:
		return wrong("it is empty: the build needs a context or an LLB definition")
	case len(text) > maxDefinition:
		return wrong("the LLB definition is larger than 64 MiB")
	}
	parsed, locals, err := parseDefinition(text)
	if err != nil {
		return wrong("invalid LLB definition: " + err.Error())
	}
	if len(parsed.Def) == 0 {
		return wrong("the LLB definition has no steps")
	}
	for _, name := range locals {
		if _, given := r.context.Directories()[name]; !given {
			return &usage.Error{What: "--local", Reason: `the definition reads the directory "` + name + `"`, Next: "add --local " + name + "=DIR"}
		}
	}
	if _, again := r.attrs["no-cache"]; again {
		delete(r.attrs, "no-cache")
		ignoreCache(parsed)
	}
	r.definition = parsed
	return nil
}

// parseDefinition returns the definition and the names of the directories that it
// reads.
func parseDefinition(text []byte) (*llb.Definition, []string, error) {
	definition, err := llb.ReadFrom(strings.NewReader(string(text)))
	if err != nil {
		return nil, nil, err
	}
	var locals []string
	for _, step := range definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(step); err != nil {
			return nil, nil, err
		}
		name, isLocal := strings.CutPrefix(op.GetSource().GetIdentifier(), localScheme)
		if isLocal && !slices.Contains(locals, name) {
			locals = append(locals, name)
		}
	}
	return definition, locals, nil
}

// ignoreCache disables the cache of every step for a build without a frontend.
func ignoreCache(definition *llb.Definition) {
	for _, step := range definition.Def {
		key := digest.FromBytes(step)
		c := llb.Constraints{Metadata: definition.Metadata[key]}
		llb.IgnoreCache(&c)
		definition.Metadata[key] = c.Metadata
	}
}
