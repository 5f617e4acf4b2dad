package result

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Part is the result of one of several daemons that have built together.
type Part struct {
	Platforms []string
	Result    *Result
}

// suffix follows keys of the metadata that belong to the part alone.
func (p Part) suffix() string { return "/" + strings.Join(p.Platforms, ",") }

// Merge returns the result of builds for different platforms that are one build. Image is the
// descriptor of the index of all parts; nil if there is none. Pushed is as of New, and names are
// those that the image has. A value that only one part has keeps its key; one that differs between
// parts has a key for each, which ends with a slash and the platforms.
func Merge(parts []Part, image *ocispecs.Descriptor, pushed string, names []string) *Result {
	merged := &Result{pushed: pushed, parts: parts, response: map[string]string{}, provenance: map[string]json.RawMessage{}}
	for _, part := range parts {
		for key, value := range part.Result.response {
			if image != nil && isOfImage(key) {
				continue
			}
			if !same(parts, key, value) {
				key += part.suffix()
			}
			merged.response[key] = value
		}
		maps.Copy(merged.provenance, part.Result.provenance)
		for _, notice := range part.Result.notices {
			if !slices.Contains(merged.notices, notice) {
				merged.AddNotice(notice)
			}
		}
	}
	if len(parts) > 0 {
		first := parts[0].Result
		merged.ref, merged.builder, merged.node = first.ref, first.builder, first.node
	}
	if image == nil {
		return merged
	}
	merged.response[exptypes.ExporterImageDigestKey] = image.Digest.String()
	if text, err := json.Marshal(image); err == nil {
		merged.response[exptypes.ExporterImageDescriptorKey] = base64.StdEncoding.EncodeToString(text)
	}
	if len(names) > 0 {
		merged.response[exptypes.ExporterImageNameKey] = strings.Join(names, ",")
	}
	return merged
}

// isOfImage reports whether the value of the key is another one for the merged image.
func isOfImage(key string) bool {
	return slices.Contains([]string{
		exptypes.ExporterImageDigestKey, exptypes.ExporterImageDescriptorKey, exptypes.ExporterImageConfigDigestKey,
		exptypes.ExporterImageConfigKey, exptypes.ExporterImageNameKey,
	}, key)
}

// same reports whether no part has another value of the key.
func same(parts []Part, key, value string) bool {
	return !slices.ContainsFunc(parts, func(other Part) bool {
		found, has := other.Result.response[key]
		return has && found != value
	})
}

// refsOfParts returns the references of each part, under keys of its own.
func (r *Result) refsOfParts() map[string]any {
	refs := map[string]any{}
	for _, part := range r.parts {
		for key, ref := range part.Result.refs() {
			refs[key+part.suffix()] = ref
		}
	}
	return refs
}
