package request

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/tonistiigi/go-csvvalue"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/export"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// parseOutput parses one --output: a list of key=value, or the short forms DIR
// (files into a directory) and "-" (a tar archive to standard output).
func parseOutput(value string) (output, error) {
	out := output{typed: value, attrs: map[string]string{}}
	fields, err := csvvalue.Fields(value, nil)
	if err != nil {
		return out, &usage.Error{
			What: "--output", Value: value, Reason: "cannot parse the list: " + err.Error(),
			Next: "use key=value,…; a value with a comma is quoted",
		}
	}
	if len(fields) == 1 && fields[0] == value && !strings.HasPrefix(value, "type=") {
		out.kind, out.dest = typeLocal, value
		if value == stdio {
			out.kind = typeTar
		}
		return out, nil
	}
	for _, field := range fields {
		key, text, ok := strings.Cut(field, "=")
		if !ok {
			return out, &usage.Error{
				What: "--output", Value: value, Reason: `"` + field + `" is not key=value`,
				Next: "use type=TYPE,key=value,…",
			}
		}
		switch key = strings.TrimSpace(strings.ToLower(key)); key {
		case "type":
			out.kind = text
		case "dest":
			out.dest = text
		default:
			out.attrs[key] = text
		}
	}
	return out, out.checkAttributes()
}

// check checks the destination, and makes its path absolute.
func (o *output) check(ctx context.Context, r *Request, env Environment) error {
	switch {
	case o.kind == typeImage || o.kind == typeCacheOnly:
		if o.dest != "" {
			return o.wrong("dest= is not supported by type="+o.kind, "use type=oci, docker, tar or local to write files")
		}
		return nil
	case o.isDirectory():
		return o.checkDirectory(r, env)
	}
	return o.checkFile(ctx, r, env)
}

// isDirectory reports whether the result is a directory of this machine: type=local,
// and image archives with tar=false.
func (o *output) isDirectory() bool {
	switch o.kind {
	case typeLocal:
		return true
	case typeOCI, typeDocker:
		tar, set := o.attrs["tar"]
		return set && !imageindex.IsTrue(tar)
	}
	return false
}

func (o *output) checkDirectory(r *Request, env Environment) error {
	switch o.dest {
	case "":
		return o.wrong("dest= is missing", "add dest=DIR")
	case stdio:
		return o.wrong("a directory cannot be written to standard output", "use type=tar,dest=-")
	}
	o.dest = absolute(env, o.dest)
	mirror, err := o.checkDelete(r, env)
	if err != nil {
		return err
	}
	special, set := o.attrs[specialAttr]
	delete(o.attrs, specialAttr)
	if o.kind != typeLocal {
		layout, err := export.NewLayout(o.dest)
		o.to = layout
		return o.unwritable(err)
	}
	tree, err := safefile.NewTree(o.dest, safefile.TreeOptions{Mirror: mirror, Special: set && imageindex.IsTrue(special)})
	o.to = export.Directory{Named: o.dest, Tree: tree}
	return o.unwritable(err)
}

// checkDelete allows mode=delete, which empties the directory first, only below
// the working directory.
func (o *output) checkDelete(r *Request, env Environment) (mirror bool, err error) {
	mode, err := client.ParseLocalExporterMode(o.attrs["mode"])
	if err != nil {
		return false, o.wrong(err.Error(), "use mode=copy or mode=delete")
	}
	if o.kind != typeLocal || mode != client.LocalExporterModeDelete {
		return false, nil
	}
	below, err := filepath.Rel(safefile.RealPath(env.WorkingDir), safefile.RealPath(o.dest))
	if !r.deleteAnywhere && (err != nil || below == "." || !filepath.IsLocal(below)) {
		return false, o.wrong("mode=delete would empty "+o.dest+", which is not below the working directory", "change to a directory above it, or add --allow "+localDelete)
	}
	return true, nil
}

func (o *output) checkFile(ctx context.Context, r *Request, env Environment) error {
	if o.dest == "" {
		if o.kind == typeDocker {
			return o.checkDocker(ctx, r, env)
		}
		o.dest = stdio
	}
	if _, named := o.attrs[contextAttr]; named && o.kind == typeDocker {
		return o.wrong("context= and dest= cannot be combined", "leave one of them out")
	}
	if o.dest == stdio {
		if env.StdoutIsTerminal {
			return o.wrong("an archive is not written to a terminal", "add dest=FILE, or pipe standard output")
		}
		o.to = export.Stdout{Writer: env.Stdout}
		return nil
	}
	target, err := safefile.NewTarget(named(env, o.dest), safefile.TargetOptions{Parents: true})
	if err != nil {
		return o.unwritable(err)
	}
	if target.IsStdout() { // under another name
		o.dest = stdio
		return o.checkFile(ctx, r, env)
	}
	o.dest, o.target, o.to = target.Path(), target, export.File{Target: target}
	return nil
}

// contextAttr is the attribute of --output type=docker that names an engine. It is not for the
// daemon.
const contextAttr = "context"

// checkDocker finds the engine that the image is loaded into. A subrequest has no image.
func (o *output) checkDocker(ctx context.Context, r *Request, env Environment) error {
	if r.call != nil {
		return nil
	}
	engine := o.attrs[contextAttr]
	delete(o.attrs, contextAttr)
	docker, err := export.FindDocker(ctx, env.LookPath, engine)
	if err != nil {
		return o.wrong("no docker engine found to load the image into: "+err.Error(),
			"write it to a file with -o type=docker,dest=FILE, or push it with --push")
	}
	o.to = docker
	return nil
}

// checkTogether returns an error for outputs that cannot be combined.
func (r *Request) checkTogether() error {
	stdout, layouts := 0, 0
	for i := range r.outputs {
		out := &r.outputs[i]
		if out.dest == stdio {
			stdout++
		}
		if out.kind != typeLocal && out.isDirectory() {
			layouts++
		}
		switch {
		case stdout > 1:
			return out.wrong("standard output is taken by another output", "write one of them to a file")
		case layouts > 1:
			return out.wrong("only one output with tar=false is possible", "write the other one as a file")
		case out.kind == typeDocker && r.attested:
			return out.wrong("type=docker does not support attestations", "use type=oci, or leave out --attest, --sbom and --provenance")
		case out.kind == typeDocker && r.platforms > 1:
			return out.wrong("type=docker supports one platform only, and "+strconv.Itoa(r.platforms)+" are named", "use type=oci")
		}
	}
	return nil
}

func (o *output) wrong(reason, next string) error {
	if o.typed == pushFlag || o.typed == loadFlag {
		return &usage.Error{What: o.typed, Reason: reason, Next: next}
	}
	return &usage.Error{What: "--output", Value: o.typed, Reason: reason, Next: next}
}

// unwritable returns the usage error for a destination that cannot be written.
func (o *output) unwritable(err error) error {
	var cannot *safefile.UnwritableError
	if errors.As(err, &cannot) {
		return o.wrong(cannot.Reason, cannot.Next)
	}
	return err
}
