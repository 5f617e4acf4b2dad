package request

import (
	"io"
	"maps"
	"slices"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
)

// Options are the values of the flags as typed, a group per family. The groups
// are embedded, so that every flag is a field of Options.
type Options struct {
	Input
	Image
	Steps
	Sandbox
	Entitlements
	Cache
	Attestations
	Secrets
	SSH
	Output
}

// Environment is everything New reads of the process.
type Environment struct {
	WorkingDir       string                           // what relative paths are relative to
	LookupEnv        func(name string) (string, bool) // as os.LookupEnv
	Stdin            io.Reader                        // read only if the options name "-"
	Stdout           io.Writer                        // where an output to "-" goes
	StdoutIsTerminal bool                             // then nothing binary is written to it
	Proxies          map[string]string                // proxy build arguments of the docker config, e.g. HTTP_PROXY
}

// Request is a checked build, ready to be sent.
type Request struct {
	context        *buildcontext.Context
	frontend       string
	attrs          map[string]string
	cacheExports   []client.CacheOptionsEntry
	cacheImports   []client.CacheOptionsEntry
	session        []session.Attachable // secrets and ssh agents
	allowed        []string             // entitlements
	gitOverSSH     bool                 // the context is
	plain          bool                 // buildctl's way: nothing that was not asked for
	attested       bool                 // the user asked for attestations
	deleteAnywhere bool                 // mode=delete may empty any directory
	outputs        []output
	outputAttrs    map[string]string // what build arguments say about the outputs
	tags           []string
	platforms      int // how many are named
	stdout         io.Writer
	files          Files
	warnings       []string
}

// Files are the paths that the result is written to; "" is none.
type Files struct {
	Metadata string
	ImageID  string
}

// New parses and checks the options. Its errors are *UsageError wherever the
// input is at fault. It reads standard input last, when all else is known to be
// right, and removes a stale image ID file, as docker does.
func New(opts Options, env Environment) (*Request, error) {
	r := &Request{frontend: "dockerfile.v0", attrs: map[string]string{}, stdout: env.Stdout}
	families := []func(*Request, Environment) error{
		opts.Image.apply,
		opts.Steps.apply,
		opts.Sandbox.apply,
		opts.Entitlements.apply,
		opts.Cache.apply,
		opts.Attestations.apply,
		opts.Secrets.apply,
		opts.SSH.apply,
		opts.Output.apply,
		opts.Input.apply,
	}
	for _, apply := range families {
		if err := apply(r, env); err != nil {
			return nil, err
		}
	}
	if err := r.removeStaleImageID(); err != nil {
		return nil, err
	}
	return r, nil
}

// Warnings are the sentences to print before the build starts.
func (r *Request) Warnings() []string {
	return slices.Clone(r.warnings)
}

// Files says where the result is to be written.
func (r *Request) Files() Files {
	return r.files
}

// Replayable says whether the request can be sent a second time. What was read
// from standard input or written to standard output cannot be repeated.
func (r *Request) Replayable() bool {
	for _, out := range r.outputs {
		if out.dest == stdio {
			return false
		}
	}
	return r.context.Replayable()
}

// pushed is the reference that the image is pushed to first, as typed, and empty
// if nothing is pushed. Of several pushed images the last one's digest is the
// daemon's answer.
func (r *Request) pushed() string {
	for _, out := range slices.Backward(r.outputs) {
		if out.pushes() {
			return out.firstName()
		}
	}
	return ""
}

// Attempt is one sending of the request: its options, and the output files that
// exist under their names only after Commit.
type Attempt struct {
	Options client.SolveOpt
	files   []*stagedFile
	pushed  string
}

// Attempt makes fresh options, with a reference of their own and nothing shared
// with an attempt before. The attachables serve the session.
func (r *Request) Attempt(attachables ...session.Attachable) *Attempt {
	a := &Attempt{pushed: r.pushed(), Options: client.SolveOpt{
		Ref:                 identity.NewID(),
		Frontend:            r.frontend,
		FrontendAttrs:       maps.Clone(r.attrs),
		Session:             slices.Concat(attachables, r.session),
		AllowedEntitlements: slices.Clone(r.allowed),
		CacheExports:        cloneCaches(r.cacheExports),
		CacheImports:        cloneCaches(r.cacheImports),
	}}
	r.context.Apply(&a.Options)
	for _, out := range r.outputs {
		if entry, ok := out.entry(a, r.stdout); ok {
			a.Options.Exports = append(a.Options.Exports, entry)
		}
	}
	return a
}

// cloneCaches copies what the client changes: it adds digests.
func cloneCaches(entries []client.CacheOptionsEntry) []client.CacheOptionsEntry {
	cloned := slices.Clone(entries)
	for i := range cloned {
		cloned[i].Attrs = maps.Clone(cloned[i].Attrs)
	}
	return cloned
}

// Commit gives the output files their names. It is called once the build has
// succeeded.
func (a *Attempt) Commit() error {
	for _, file := range a.files {
		if err := file.commit(); err != nil {
			return err
		}
	}
	return nil
}

// Discard removes what a build that did not succeed has written.
func (a *Attempt) Discard() {
	for _, file := range a.files {
		file.discard()
	}
}

// Result is what the build left, given the daemon's answer to this attempt.
func (a *Attempt) Result(response map[string]string) *result.Result {
	return result.New(a.Options.Ref, a.pushed, response)
}
