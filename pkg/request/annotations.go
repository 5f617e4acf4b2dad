package request

import (
	"regexp"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const (
	annotationFlag = "--annotation"
	annotationForm = "use KEY=VALUE, or e.g. manifest[linux/amd64]:KEY=VALUE"
)

// parseAnnotation reads [TYPE[PLATFORM],…:]KEY=VALUE into attributes of an
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
			return nil, "", wrong(`there is no type "`+annotation.Type+`"`, "use index, index-descriptor, manifest or manifest-descriptor")
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

// annotate writes the annotations into every output that is an image.
func (r *Request) annotate(values []string) error {
	annotated := len(r.outputs) == 0 // then there is a warning that nothing is written at all
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
