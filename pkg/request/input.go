package request

import (
	"cmp"
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Input is the input of the build: PATH, --file and --build-context.
type Input struct {
	Path          string   // PATH, URL or "-"
	File          string   // --file; "" means Dockerfile in the context
	BuildContexts []string // --build-context
}

func (o Input) apply(ctx context.Context, r *Request, env Environment) error {
	if r.plain {
		return nil // the locals are the context
	}
	input, err := o.input()
	if err != nil {
		return err
	}
	found, err := buildcontext.Open(ctx, r.source, input, o.environment(env))
	if err != nil {
		return err
	}
	r.context = found
	r.dockerfile = o.dockerfileName(r)
	o.describeSource(r, env)
	return nil
}

// Source returns the main context, in docker's form or in buildctl's. It opens nothing.
func (o Options) Source(env Environment) buildcontext.Source {
	files := o.environment(env)
	if o.FrontendName == "" {
		return buildcontext.Classify(o.Path, files)
	}
	for _, local := range o.Locals {
		if dir, found := strings.CutPrefix(local, "context="); found {
			return buildcontext.Classify(dir, files)
		}
	}
	for _, opt := range o.Opts {
		if url, found := strings.CutPrefix(opt, "context="); found {
			return buildcontext.Classify(url, files)
		}
	}
	return buildcontext.Source{}
}

// Affinity returns a text that is equal for builds that share most of their steps, in docker's form
// and in buildctl's. It opens nothing.
func (o Options) Affinity(env Environment) string {
	source, file := o.Source(env), o.File
	if o.FrontendName == "" {
		return source.Affinity(file, o.environment(env))
	}
	for _, opt := range o.Opts {
		if name, found := strings.CutPrefix(opt, "filename="); found {
			file = name
		}
	}
	for _, local := range o.Locals {
		if dir, found := strings.CutPrefix(local, "dockerfile="); found {
			file = filepath.Join(dir, cmp.Or(file, "Dockerfile"))
		}
	}
	return source.Affinity(file, o.environment(env))
}

// dockerfileName returns the user's path of the Dockerfile that is sent.
func (o Input) dockerfileName(r *Request) string {
	_, sent := r.context.Directories()["dockerfile"]
	switch {
	case !sent:
		return ""
	case o.File != "":
		return o.File
	}
	return filepath.Join(o.Path, "Dockerfile")
}

// classify is called before the context is opened, which may read standard input and is therefore
// last.
func (o Input) classify(r *Request, env Environment) error {
	r.source = buildcontext.Classify(o.Path, o.environment(env))
	r.gitOverSSH = !r.plain && r.source.SSH
	return nil
}

func (o Input) input() (buildcontext.Input, error) {
	input := buildcontext.Input{Dockerfile: o.File}
	for _, value := range o.BuildContexts {
		if value == "" {
			continue
		}
		named, err := parseBuildContext(value)
		if err != nil {
			return input, err
		}
		input.Named = append(input.Named, named)
	}
	return input, nil
}

func (o Input) environment(env Environment) buildcontext.Environment {
	return buildcontext.Environment{WorkingDir: env.WorkingDir, Stdin: env.Stdin, Expand: env.expand}
}

// parseBuildContext parses NAME=VALUE. The name is shortened as in a Dockerfile:
// docker.io/library/alpine:latest is alpine.
func parseBuildContext(value string) (buildcontext.Named, error) {
	const form = "use NAME=DIR, NAME=URL, NAME=docker-image://IMAGE, NAME=oci-layout://DIR or NAME=target:STAGE"
	name, place, pair := strings.Cut(value, "=")
	wrong := &usage.Error{What: "--build-context", Value: value, Next: form}
	switch {
	case !pair:
		wrong.Reason = "it is not NAME=VALUE"
		return buildcontext.Named{}, wrong
	case place == "":
		wrong.Reason = "the value is empty"
		return buildcontext.Named{}, wrong
	}
	parsed, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		wrong.Reason = `"` + name + `" is not a valid name of a context: ` + err.Error()
		return buildcontext.Named{}, wrong
	}
	name = strings.TrimSuffix(reference.FamiliarString(parsed), ":latest")
	return buildcontext.Named{Typed: value, Name: name, Value: place}, nil
}

// Upload has the flags for sending the context.
type Upload struct {
	Compress       string // --compress; a boolean in old versions of docker
	ContextWarning string // --context-warning
}

func (o Upload) apply(r *Request, _ Environment) error {
	value := o.Compress
	if on, err := strconv.ParseBool(value); err == nil {
		value = string(upload.Never)
		if on {
			value = string(upload.Always)
		}
	}
	mode, err := upload.ParseMode(value)
	if err != nil {
		return &usage.Error{What: "--compress", Value: o.Compress, Reason: err.Error()}
	}
	r.upload = upload.Options{Compress: mode}
	if o.ContextWarning == "" {
		return nil
	}
	if r.upload.Large, err = ParseBytes(o.ContextWarning); err != nil {
		return &usage.Error{What: "--context-warning", Value: o.ContextWarning, Reason: err.Error(), Next: "use a size, e.g. 100m, or 0 for none"}
	}
	return nil
}
