package request

import (
	"context"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/session"
	spb "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/export"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

// Options are the values of the flags as typed, a group per family. The groups
// are embedded, so that every flag is a field of Options.
type Options struct {
	Input
	Frontend
	Call
	Image
	Steps
	Sandbox
	Entitlements
	Cache
	Attestations
	Policy
	Secrets
	SSH
	Output
	Upload
	Legacy
}

// Environment is the part of the process's environment that New reads.
type Environment struct {
	WorkingDir       string                           // the directory of relative paths
	LookupEnv        func(name string) (string, bool) // as os.LookupEnv
	Stdin            io.Reader                        // read only if the options name "-"
	Stdout           io.Writer                        // for an output to "-"
	LookPath         func(string) (string, error)     // as exec.LookPath
	StdoutIsTerminal bool                             // then nothing binary is written to it
	Proxies          map[string]string                // proxy build arguments of the docker config, e.g. HTTP_PROXY
	AWSKeys          AWSKeys                          // asked for a cache in S3; may be nil
}

// Request is a checked build, ready to be sent.
type Request struct {
	context        *buildcontext.Context
	frontend       string
	attrs          map[string]string
	cacheExports   []client.CacheOptionsEntry
	cacheImports   []client.CacheOptionsEntry
	cacheLayouts   map[string]*export.Layout // of caches in directories, by dest=
	session        []session.Attachable      // secrets and ssh agents
	allowed        []string                  // entitlements
	gitOverSSH     bool                      // the context is
	source         buildcontext.Source       // of the context, in docker's form
	plain          bool                      // buildctl's way: nothing that was not asked for
	defined        bool                      // no frontend: the steps are on standard input
	definition     *llb.Definition           // those steps; nil for a frontend
	proxyNetwork   bool                      // steps reach the network through the daemon's proxy alone
	call           *call                     // nil is a build
	dockerfile     string                    // the user's name for it; "" if it is not a file of this machine
	policy         *spb.Policy
	policyDisabled bool // the user said that there shall be none
	attested       bool // the user asked for attestations
	noArtifact     bool // attestations are stored in the form that old registries take
	deleteAnywhere bool // mode=delete may empty any directory
	outputs        []output
	outputAttrs    map[string]string // what build arguments say about the outputs
	tags           []string
	platforms      int // how many are named
	files          Files
	upload         upload.Options
	keptSecrets    []KeptSecret
	warnings       []string
	leftovers      []string // see Leftovers

	sent attempts
}

// attempts is what is known of the attempts of a request.
type attempts struct {
	mu  sync.Mutex
	ref string // of the last one
}

// New parses and checks the options. Its errors are *usage.Error wherever the input is at fault. It
// reads standard input last, when all else is known to be right, and removes a stale image ID file,
// as docker does. The context ends what continues until the build: a survey of the directories that
// are sent.
func New(ctx context.Context, opts Options, env Environment) (*Request, error) {
	r := &Request{frontend: dockerfileFrontend, attrs: map[string]string{}, cacheLayouts: map[string]*export.Layout{}}
	with := func(apply func(context.Context, *Request, Environment) error) func(*Request, Environment) error {
		return func(r *Request, env Environment) error { return apply(ctx, r, env) }
	}
	families := []func(*Request, Environment) error{
		opts.begin,
		opts.alone,
		opts.classify,
		opts.Call.apply,
		opts.Image.apply,
		opts.Steps.apply,
		opts.Legacy.apply,
		opts.Upload.apply,
		opts.Sandbox.apply,
		opts.Entitlements.apply,
		opts.Cache.apply,
		opts.Attestations.apply,
		opts.Policy.apply,
		opts.refuseRego,
		opts.Secrets.apply,
		opts.SSH.apply,
		with(opts.Frontend.apply),
		with(opts.Output.apply),
		opts.checkPushes,
		with(opts.Input.apply),
		opts.sendAnew,
		opts.readDefinition,
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

// Name says in a few words what is built: the image's names, else the target, else
// the name of the context's directory.
func (r *Request) Name() string {
	if len(r.tags) > 0 {
		return strings.Join(r.tags, ", ")
	}
	if target := r.attrs["target"]; target != "" {
		return target
	}
	if dir := r.context.Directories()["context"]; dir != "" {
		return filepath.Base(dir)
	}
	return "build"
}

// Attributes are the options of the frontend, e.g. "target" and "build-arg:VERSION".
func (r *Request) Attributes() map[string]string {
	return maps.Clone(r.attrs)
}

// Warnings are the sentences to print before the build starts.
func (r *Request) Warnings() []string {
	return slices.Clone(r.warnings)
}

// Leftovers are the sentences to print after a build that succeeded: what of its result stays in
// the builder.
func (r *Request) Leftovers() []string {
	return slices.Clone(r.leftovers)
}

// Files says where the result is to be written.
func (r *Request) Files() Files {
	return r.files
}

// Ref is the reference of the last attempt in the daemon's history; empty before
// the first.
func (r *Request) Ref() string {
	r.sent.mu.Lock()
	defer r.sent.mu.Unlock()
	return r.sent.ref
}

func (r *Request) noteRef(ref string) {
	r.sent.mu.Lock()
	defer r.sent.mu.Unlock()
	r.sent.ref = ref
}

// TakesStdout reports whether an archive is written to standard output.
func (r *Request) TakesStdout() bool {
	return slices.ContainsFunc(r.outputs, func(out output) bool { return out.dest == stdio })
}

// Unrepeatable is why the request cannot be sent a second time, e.g. since its
// context came from standard input; empty if it can.
func (r *Request) Unrepeatable() string {
	if !r.context.Replayable() {
		return "its context came from standard input, which can be read once"
	}
	for _, out := range r.outputs {
		switch {
		case out.dest == stdio:
			return "it writes to standard output, which cannot be taken back"
		case out.target != nil && out.target.WritesThrough():
			return "it writes to " + out.dest + ", which is not a regular file"
		}
	}
	return ""
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
