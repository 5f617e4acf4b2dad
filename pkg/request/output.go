package request

import (
	"context"
	"maps"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/export"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// Output has the flags for the result: --output, --push, --load, --annotation, and the
// files that describe it.
type Output struct {
	Outputs      []string // --output
	Push         bool     // --push
	Load         bool     // --load
	Annotations  []string // --annotation
	MetadataFile string   // --metadata-file
	ImageIDFile  string   // --iidfile
	RefFile      string   // --ref-file
	Trace        string   // --trace
	Report       string   // --report
}

// stdio is the name of standard output as a destination.
const stdio = "-"

const (
	pushFlag = "--push"
	loadFlag = "--load"
)

// The exporters by the names a user types. Registry is an image that is pushed;
// cacheonly is none at all.
const (
	typeImage     = client.ExporterImage
	typeRegistry  = "registry"
	typeOCI       = client.ExporterOCI
	typeDocker    = client.ExporterDocker
	typeLocal     = client.ExporterLocal
	typeTar       = client.ExporterTar
	typeCacheOnly = "cacheonly"
)

// output is one checked destination.
type output struct {
	typed string // the value of --output, for messages
	kind  string // the exporter
	attrs map[string]string
	dest  string // absolute path, "-", or ""

	target *safefile.Target   // dest, of an archive in a file; else nil
	to     export.Destination // nil if nothing of the result comes to this machine
}

func (o Output) apply(ctx context.Context, r *Request, env Environment) error {
	for _, value := range o.Outputs {
		if value == "" {
			continue
		}
		out, err := parseOutput(value)
		if err != nil {
			return err
		}
		r.outputs = append(r.outputs, out)
	}
	if o.Load {
		r.outputs = load(r.outputs)
	}
	for i := range r.outputs {
		if err := r.outputs[i].check(ctx, r, env); err != nil {
			return err
		}
	}
	if o.Push {
		r.outputs = push(r.outputs)
	}
	if err := r.nameOutputs(); err != nil {
		return err
	}
	if err := r.checkTogether(); err != nil {
		return err
	}
	if err := r.annotate(o.Annotations); err != nil {
		return err
	}
	r.outputs = pushedLast(r.outputs)
	if r.call != nil {
		r.outputs = nil // a subrequest has the flags of the build, and no result
	} else {
		r.leftovers = append(r.leftovers, r.outputWarnings()...)
	}
	return o.applyFiles(r, env)
}

// load adds an image for docker, unless there is one.
func load(outputs []output) []output {
	for _, out := range outputs {
		if out.kind == typeDocker && out.dest == "" {
			return outputs
		}
	}
	return append(outputs, output{typed: loadFlag, kind: typeDocker, attrs: map[string]string{}})
}

// push pushes every image among the outputs, and adds one if there is none.
func push(outputs []output) []output {
	found := false
	for i := range outputs {
		if outputs[i].kind == typeImage {
			outputs[i].setPush()
			found = true
		}
	}
	if found {
		return outputs
	}
	image := output{typed: pushFlag, kind: typeImage, attrs: map[string]string{}}
	image.setPush()
	return append(outputs, image)
}

// setPush disables unpacking into the builder's image store, which is needed only by
// users of that store.
func (o *output) setPush() {
	o.attrs["push"] = "true"
	if _, set := o.attrs["unpack"]; !set {
		o.attrs["unpack"] = "false"
	}
}

// isImage reports whether the result is an image, in a registry or in an archive.
func (o *output) isImage() bool {
	return o.kind == typeImage || o.kind == typeOCI || o.kind == typeDocker
}

func (o *output) pushes() bool {
	value, set := o.attrs["push"]
	return o.kind == typeImage && set && imageindex.IsTrue(value)
}

func (o *output) firstName() string {
	name, _, _ := strings.Cut(o.attrs["name"], ",")
	return name
}

// nameOutputs sets the names of the images. Tags take precedence over name= of an
// output.
func (r *Request) nameOutputs() error {
	for i := range r.outputs {
		out := &r.outputs[i]
		if out.isImage() {
			if len(r.tags) > 0 {
				out.attrs["name"] = strings.Join(r.tags, ",")
			}
			maps.Copy(out.attrs, r.outputAttrs)
		}
		if _, set := out.attrs[artifactAttr]; r.noArtifact && !set && (out.kind == typeImage || out.kind == typeOCI) {
			out.attrs[artifactAttr] = "false"
		}
		if out.pushes() && out.attrs["name"] == "" {
			return out.wrong("no name to push to", "add --tag registry/repository:tag")
		}
	}
	return nil
}

// pushedLast moves pushed images to the end: the daemon returns one digest, that of
// the last output, which must be the pushed one.
func pushedLast(outputs []output) []output {
	sorted := make([]output, 0, len(outputs))
	for _, pushed := range []bool{false, true} {
		for _, out := range outputs {
			if out.pushes() == pushed {
				sorted = append(sorted, out)
			}
		}
	}
	return sorted
}

func (r *Request) outputWarnings() []string {
	if len(r.outputs) == 0 {
		if len(r.tags) > 0 {
			return []string{
				`image "` + r.tags[0] + `" stays in the builder's cache: nothing is pushed or written; ` +
					"add --push to push it, or --output to write it",
			}
		}
		return []string{
			"the result stays in the builder's cache: nothing is pushed or written; " +
				"add --tag and --push to push an image, or --output to write files",
		}
	}
	var warnings []string
	for _, out := range r.outputs {
		if out.kind == typeImage && !out.pushes() {
			warnings = append(warnings, `output "`+out.typed+`" stays in the builder: add push=true to push the image`)
		}
	}
	return warnings
}

// entry returns the output for BuildKit's client; ok is false for type=cacheonly.
func (o *output) entry(a *Attempt) (entry client.ExportEntry, ok bool) {
	entry = client.ExportEntry{Type: o.kind, Attrs: maps.Clone(o.attrs)}
	if o.to != nil {
		a.files = append(a.files, o.to.Stage(&entry))
		entry.Output = a.watch(entry.Output)
		a.places = append(a.places, o.to.Places()...)
	}
	return entry, o.kind != typeCacheOnly
}
