package result

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// The metadata keys of the build's reference in the daemon's history: alone, and as docker writes
// it, after the names of its builder and node with a slash between.
const (
	RefKey       = "kubectl-buildkit.build.ref"
	DockerRefKey = "buildx.build.ref"
)

// ProvenanceKey is the metadata key of the build's provenance, followed by a slash and the platform
// where the build names platforms. The name is docker's.
const ProvenanceKey = "buildx.build.provenance"

// Result is the daemon's response to a solve.
type Result struct {
	ref        string
	builder    string
	node       string
	pushed     string
	response   map[string]string
	provenance map[string]json.RawMessage
	warnings   []client.VertexWarning
	notices    []string
	parts      []Part // of several daemons that have built together
}

// New returns the result in the daemon's response. Ref is the build's reference;
// pushed is the first image reference that was pushed, as the user typed it; empty
// if nothing was pushed.
func New(ref, pushed string, response map[string]string) *Result {
	return &Result{ref: ref, pushed: pushed, response: response}
}

// AddProvenance adds the provenance to the metadata: a JSON object for each platform, or for "".
func (r *Result) AddProvenance(provenance map[string]json.RawMessage) {
	r.provenance = provenance
}

// WarningsKey is the metadata key of the build's warnings. The name is docker's.
const WarningsKey = "buildx.build.warnings"

// AddWarnings adds the daemon's warnings to the metadata.
func (r *Result) AddWarnings(warnings []client.VertexWarning) {
	r.warnings = warnings
}

// AddBuilder adds the builder to the metadata, and its member, which docker calls a node.
func (r *Result) AddBuilder(builder, node string) {
	r.builder, r.node = builder, node
}

// refs returns the build's reference under each of its keys.
func (r *Result) refs() map[string]any {
	refs := map[string]any{}
	if r.ref != "" {
		refs[RefKey] = r.ref
	}
	if r.ref != "" && r.builder != "" && r.node != "" {
		refs[DockerRefKey] = r.builder + "/" + r.node + "/" + r.ref
	}
	return refs
}

// AddNotice adds a sentence to print after the build.
func (r *Result) AddNotice(text string) {
	r.notices = append(r.notices, text)
}

// Notices returns the sentences to print after the build.
func (r *Result) Notices() []string {
	return r.notices
}

// Ref returns the build's reference in the daemon's history.
func (r *Result) Ref() string {
	return r.ref
}

// AnswerError is returned when the daemon's response has an invalid value, which is not printed as
// a result: scripts use results in commands and manifests.
type AnswerError struct {
	Key, Value string
	Cause      error
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("the builder returned an invalid %s %q: %v", e.Key, e.Value, e.Cause)
}

func (e *AnswerError) Unwrap() error { return e.Cause }

// Class returns fault.Failed.
func (*AnswerError) Class() fault.Class { return fault.Failed }

// Check returns an *AnswerError if a digest, or the reference that was pushed, is invalid.
func (r *Result) Check() error {
	for _, key := range []string{exptypes.ExporterImageDigestKey, exptypes.ExporterImageConfigDigestKey} {
		if value := r.response[key]; value != "" {
			if _, err := digest.Parse(value); err != nil {
				return &AnswerError{Key: key, Value: value, Cause: err}
			}
		}
	}
	if named := r.reference(); named != "" && r.response[exptypes.ExporterImageDigestKey] != "" {
		if _, err := reference.ParseNormalizedNamed(named); err != nil {
			return &AnswerError{Key: exptypes.ExporterImageNameKey, Value: named, Cause: err}
		}
	}
	return nil
}

// Digest returns the digest of the image's manifest or index; empty if the build
// made no image, or its digest is invalid.
func (r *Result) Digest() string {
	return r.digest(exptypes.ExporterImageDigestKey)
}

// Descriptor returns the descriptor of the image's manifest or index, as far as the daemon has
// reported it; an *AnswerError if it is invalid.
func (r *Result) Descriptor() (found ocispecs.Descriptor, err error) {
	const key = exptypes.ExporterImageDescriptorKey
	if value := r.response[key]; value != "" {
		text, err := base64.StdEncoding.DecodeString(value)
		if err == nil {
			err = json.Unmarshal(text, &found)
		}
		if err != nil {
			return found, &AnswerError{Key: key, Value: value, Cause: err}
		}
	}
	if found.Digest, err = digest.Parse(r.response[exptypes.ExporterImageDigestKey]); err != nil {
		return found, &AnswerError{Key: exptypes.ExporterImageDigestKey, Value: r.response[exptypes.ExporterImageDigestKey], Cause: err}
	}
	return found, nil
}

// ImageID returns docker's ID of the image: the digest of its configuration, or the
// image's digest if it has no single configuration.
func (r *Result) ImageID() string {
	if id := r.digest(exptypes.ExporterImageConfigDigestKey); id != "" {
		return id
	}
	return r.Digest()
}

func (r *Result) digest(key string) string {
	parsed, err := digest.Parse(r.response[key])
	if err != nil {
		return ""
	}
	return parsed.String()
}

// Pushed reports whether the image was pushed to a registry.
func (r *Result) Pushed() bool { return r.pushed != "" }

// Line returns the command's output, without a newline: reference@digest of an
// image that was pushed; the digest of an image that was not; empty without an
// image, or if Check returns an error.
func (r *Result) Line() string {
	digest := r.Digest()
	if digest == "" || r.pushed == "" {
		return digest
	}
	if r.Check() != nil {
		return ""
	}
	return r.reference() + "@" + digest
}

// reference returns the reference as the user typed it, or the daemon's if the
// frontend chose the name.
func (r *Result) reference() string {
	if r.pushed == "*" {
		return firstOf(r.response[exptypes.ExporterImageNameKey])
	}
	return r.pushed
}
