package request

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Frontend has buildctl's flags for the input: --frontend, --opt, --local and
// --oci-layout. PATH, --file and docker's defaults are not used with them.
type Frontend struct {
	FrontendName string   // --frontend; "" is docker's form
	Opts         []string // --opt
	Locals       []string // --local
	OCILayouts   []string // --oci-layout
}

const (
	dockerfileFrontend = "dockerfile.v0"
	gatewayFrontend    = "gateway.v0"
)

// begin selects docker's or buildctl's form, before the other groups set defaults.
func (o Frontend) begin(r *Request, _ Environment) error {
	r.plain = o.FrontendName != ""
	switch o.FrontendName {
	case dockerfileFrontend, gatewayFrontend:
		r.frontend = o.FrontendName
		return nil
	case "":
	default:
		return &usage.Error{
			What: "--frontend", Value: o.FrontendName, Reason: "unknown frontend",
			Next: "use " + dockerfileFrontend + ", or " + gatewayFrontend + " with --opt source=IMAGE",
		}
	}
	for _, misplaced := range []struct {
		flag   string
		values []string
	}{{"--opt", o.Opts}, {"--local", o.Locals}, {"--oci-layout", o.OCILayouts}} {
		if len(misplaced.values) > 0 {
			return &usage.Error{
				What: misplaced.flag, Value: misplaced.values[0], Reason: "it requires --frontend",
				Next: "add --frontend " + dockerfileFrontend + " and leave out PATH, or use docker's flags, e.g. --build-context and --build-arg",
			}
		}
	}
	return nil
}

// apply is called after docker's flags, which set options too.
func (o Frontend) apply(ctx context.Context, r *Request, env Environment) error {
	if !r.plain {
		return nil
	}
	if err := o.applyOpts(r, env); err != nil {
		return err
	}
	locals, err := parseLocals("--local", o.Locals)
	if err != nil {
		return err
	}
	layouts, err := parseLocals("--oci-layout", o.OCILayouts)
	if err != nil {
		return err
	}
	files := Input{}.environment(env)
	if r.context, err = buildcontext.Locals(ctx, locals, layouts, files); err != nil {
		return err
	}
	if r.defined {
		return nil
	}
	return o.check(r, locals, files)
}

// alone rejects docker's flags for the input with --frontend.
func (o Input) alone(r *Request, _ Environment) error {
	const next = "leave it out, or leave out --frontend"
	switch {
	case !r.plain:
		return nil
	case o.Path != "":
		return &usage.Error{What: "PATH", Value: o.Path, Reason: "with --frontend the context is --local context=DIR or --opt context=URL", Next: next}
	case o.File != "":
		return &usage.Error{What: "--file", Value: o.File, Reason: "with --frontend the Dockerfile is --local dockerfile=DIR and --opt filename=NAME", Next: next}
	case len(o.BuildContexts) > 0:
		return &usage.Error{
			What: "--build-context", Value: o.BuildContexts[0], Reason: "with --frontend a context is --opt context:NAME=VALUE and --local NAME=DIR", Next: next,
		}
	}
	return nil
}

// applyOpts sets the frontend's options. The last one of a key is used; it is an error
// if another flag has set another value.
func (o Frontend) applyOpts(r *Request, env Environment) error {
	opts := map[string]string{}
	for _, value := range o.Opts {
		key, text, ok, err := parseOpt(value, env)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if set, given := r.attrs[key]; given && set != text && key != argAttr+sourceDateArg {
			return &usage.Error{
				What: "--opt", Value: value, Reason: `another flag sets "` + key + `" to "` + set + `"`, Next: "leave one of them out",
			}
		}
		opts[key] = text
	}
	for key, text := range opts {
		r.attrs[key] = text
	}
	if request := r.attrs["requestid"]; request != "" && r.call == nil {
		delete(r.attrs, "requestid")
		r.call = &call{name: strings.TrimPrefix(request, subrequestPrefix)}
	}
	return nil
}

// parseOpt parses KEY=VALUE. A build argument without a value has that of the
// environment; ok is false if the variable is not set.
func parseOpt(value string, env Environment) (key, text string, ok bool, err error) {
	key, text, pair := strings.Cut(value, "=")
	name, isArg := strings.CutPrefix(key, argAttr)
	switch {
	case isArg && name != "" && !pair:
		text, ok = env.LookupEnv(name)
		return key, text, ok, nil
	case !pair || key == "" || (isArg && name == ""):
		return "", "", false, &usage.Error{What: "--opt", Value: value, Reason: "it is not KEY=VALUE", Next: "use e.g. target=release or build-arg:NAME=VALUE"}
	}
	return key, text, true, nil
}

func parseLocals(flag string, values []string) ([]buildcontext.Local, error) {
	locals := make([]buildcontext.Local, 0, len(values))
	for _, value := range values {
		name, dir, pair := strings.Cut(value, "=")
		if !pair || name == "" || dir == "" {
			return nil, &usage.Error{What: flag, Value: value, Reason: "it is not NAME=DIR", Next: "use e.g. context=. or dockerfile=."}
		}
		locals = append(locals, buildcontext.Local{Flag: flag, Typed: value, Name: name, Dir: dir})
	}
	return locals, nil
}

// check returns an error if an input of the frontend is missing.
func (o Frontend) check(r *Request, locals []buildcontext.Local, env buildcontext.Environment) error {
	if r.frontend == gatewayFrontend {
		if r.attrs["source"] == "" {
			return &usage.Error{What: "--frontend", Value: o.FrontendName, Reason: "the image of the frontend is missing", Next: "add --opt source=IMAGE"}
		}
		return nil
	}
	if r.attrs["context"] != "" {
		return nil // a URL, or another local's name
	}
	dirs := map[string]buildcontext.Local{}
	for _, local := range locals {
		dirs[local.Name] = local
	}
	name := "dockerfile"
	if key := r.attrs["dockerfilekey"]; key != "" {
		name = key
	}
	dir, given := dirs[name]
	if !given {
		return &usage.Error{What: "--frontend", Value: o.FrontendName, Reason: "no Dockerfile found", Next: "add --local " + name + "=DIR"}
	}
	file := r.attrs["filename"]
	if file == "" {
		file = "Dockerfile"
	}
	// As docker, the frontend takes the lower-case twin of a missing "Dockerfile"; without a
	// context it needs none.
	lower := filepath.Join(filepath.Dir(file), "dockerfile")
	if !dir.HasFile(file, env) && (filepath.Base(file) != "Dockerfile" || !dir.HasFile(lower, env)) {
		return &usage.Error{What: "--local", Value: dir.Typed, Reason: file + " not found in it", Next: "name its directory, and with --opt filename=NAME the file"}
	}
	if context, given := dirs["context"]; given {
		if err := context.CheckIgnoreFile(".dockerignore", env); err != nil {
			return err
		}
	}
	return dir.CheckIgnoreFile(file+".dockerignore", env)
}
