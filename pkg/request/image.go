package request

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Image has the names and labels of the image: --tag and --label.
type Image struct {
	Tags   []string // --tag
	Labels []string // --label
}

func (o Image) apply(r *Request, _ Environment) error {
	for _, tag := range o.Tags {
		if err := checkTag("--tag", tag); err != nil {
			return err
		}
	}
	r.tags = o.Tags
	return applyLabels(r, o.Labels)
}

// checkTag parses a name for an image as docker does. The name is sent as typed:
// the daemon adds the default registry and tag.
func checkTag(flag, name string) error {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return &usage.Error{What: flag, Value: name, Reason: err.Error(), Next: tagAdvice(name, err)}
	}
	if _, ok := named.(reference.Digested); ok {
		return &usage.Error{
			What: flag, Value: name, Reason: "an image cannot be given a name with a digest",
			Next: "leave out @sha256:…",
		}
	}
	return nil
}

func tagAdvice(name string, err error) string {
	const form = "use [registry/]repository[:tag]"
	lower := strings.ToLower(name)
	switch {
	case name == "":
		return form
	case errors.Is(err, reference.ErrNameContainsUppercase), strings.Contains(err.Error(), "must be lowercase"):
		if repository, tag, ok := cutTag(name); ok {
			lower = strings.ToLower(repository) + ":" + tag
		}
		return `use "` + lower + `"`
	case strings.Contains(name, "://"):
		_, rest, _ := strings.Cut(name, "://")
		rest = rest[strings.LastIndex(rest, "@")+1:] // it may have a password
		return `leave the scheme out: "` + rest + `"`
	case strings.Contains(name, ","):
		return "give --tag once for each name"
	}
	return form
}

// cutTag returns the tag separately, since only the tag may have upper-case letters.
func cutTag(name string) (repository, tag string, ok bool) {
	colon := strings.LastIndex(name, ":")
	if colon < strings.LastIndex(name, "/") || colon < 0 {
		return name, "", false
	}
	return name[:colon], name[colon+1:], true
}

func applyLabels(r *Request, labels []string) error {
	for _, label := range labels {
		key, value, _, err := cutPair("--label", label)
		if err != nil {
			return err
		}
		r.attrs["label:"+key] = value
	}
	return nil
}

const (
	annotationFlag = "--annotation"
	annotationForm = "use KEY=VALUE, or e.g. manifest[linux/amd64]:KEY=VALUE"
)

// parseAnnotation parses [TYPE[PLATFORM],…:]KEY=VALUE and returns the attributes of an
// image output, one for each type.
func parseAnnotation(value string) (attrs []string, text string, err error) {
	wrong := func(reason, next string) error {
		return &usage.Error{What: annotationFlag, Value: value, Reason: reason, Next: next}
	}
	name, text, pair := strings.Cut(value, "=")
	if !pair {
		return nil, "", wrong("it is not KEY=VALUE", annotationForm)
	}
	types, key, typed := strings.Cut(name, ":")
	if !typed {
		types, key = "", name
	}
	if key == "" {
		return nil, "", wrong("the key is empty", annotationForm)
	}
	if !typed {
		return []string{exptypes.AnnotationKey{Key: key}.String()}, text, nil
	}
	form := regexp.MustCompile(`^([a-z-]+)(?:\[([A-Za-z0-9_/-]+)\])?$`)
	for part := range strings.SplitSeq(types, ",") {
		groups := form.FindStringSubmatch(part)
		if groups == nil {
			return nil, "", wrong(`"`+part+`" is not TYPE or TYPE[PLATFORM]`, annotationForm)
		}
		annotation := exptypes.AnnotationKey{Type: groups[1], Key: key}
		switch annotation.Type {
		case exptypes.AnnotationIndex, exptypes.AnnotationIndexDescriptor, exptypes.AnnotationManifest, exptypes.AnnotationManifestDescriptor:
		default:
			return nil, "", wrong(`unknown type "`+annotation.Type+`"`, "use index, index-descriptor, manifest or manifest-descriptor")
		}
		if groups[2] != "" {
			platform, err := platforms.Parse(groups[2])
			if err != nil {
				return nil, "", wrong(`cannot parse the platform "`+groups[2]+`"`, annotationForm)
			}
			annotation.Platform = &platform
		}
		attrs = append(attrs, annotation.String())
	}
	return attrs, text, nil
}

// annotate adds the annotations to every output that is an image.
func (r *Request) annotate(values []string) error {
	annotated := len(r.outputs) == 0 // then another warning is printed
	for i := range r.outputs {
		annotated = annotated || r.outputs[i].isImage()
	}
	for _, value := range values {
		if value == "" {
			continue
		}
		attrs, text, err := parseAnnotation(value)
		if err != nil {
			return err
		}
		if !annotated {
			return &usage.Error{
				What: annotationFlag, Value: value, Reason: "none of the outputs is an image", Next: "add --push or --output type=oci,dest=FILE",
			}
		}
		for _, attr := range attrs {
			for i := range r.outputs {
				if r.outputs[i].isImage() {
					r.outputs[i].attrs[attr] = text
				}
			}
		}
	}
	return nil
}

// checkPushes refuses to push a name without a registry: it silently means Docker Hub's official
// images, where only Docker may push. A name that says library/ is meant.
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

// Pushes returns the references that a build must be able to push: its images, and its
// caches in registries.
func (r *Request) Pushes() []string {
	var references []string
	for _, out := range r.outputs {
		if out.pushes() {
			references = append(references, strings.Split(out.attrs["name"], ",")...)
		}
	}
	for _, entry := range r.cacheExports {
		ignore, set := entry.Attrs["ignore-error"]
		if ignored := set && imageindex.IsTrue(ignore); entry.Type == cacheRegistry && !ignored {
			references = append(references, entry.Attrs["ref"])
		}
	}
	slices.Sort(references)
	return slices.Compact(references)
}
