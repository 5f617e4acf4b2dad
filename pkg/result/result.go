package result

import (
	"encoding/json"
	"fmt"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	digest "github.com/opencontainers/go-digest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// The metadata keys of the build's reference in the daemon's history: alone, and as docker writes it, after the names of
// its builder and node with a slash between.
const (
	RefKey       = "kubectl-buildkit.build.ref"
	DockerRefKey = "buildx.build.ref"
)

// ProvenanceKey is the metadata key of the build's provenance, followed by a slash and the platform where the build
// names platforms. The name is docker's, for those who read it there.
const ProvenanceKey = "buildx.build.provenance"

// Result is the daemon's answer to a solve.
type Result struct {
	ref        string
	builder    string
	node       string
	pushed     string
	response   map[string]string
	provenance map[string]json.RawMessage
	warnings   []client.VertexWarning
	notices    []string
}

// New keeps what the daemon answered. Ref is the build's reference; pushed is
// the image reference that was pushed to first, as the user typed it, and empty
// if nothing was pushed.
func New(ref, pushed string, response map[string]string) *Result {
	return &Result{ref: ref, pushed: pushed, response: response}
}

// AddProvenance puts into the metadata how the image came about: a JSON object for each platform, or for "".
func (r *Result) AddProvenance(provenance map[string]json.RawMessage) {
	r.provenance = provenance
}

// WarningsKey is the metadata key of the build's warnings. The name is docker's.
const WarningsKey = "buildx.build.warnings"

// AddWarnings puts into the metadata what the daemon warned of.
func (r *Result) AddWarnings(warnings []client.VertexWarning) {
	r.warnings = warnings
}

// AddBuilder puts into the metadata which builder made the result, and which of its nodes, as docker calls them.
func (r *Result) AddBuilder(builder, node string) {
	r.builder, r.node = builder, node
}

// refs are the build's reference under each of its keys.
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

// AddNotice adds a sentence that the user is to read.
func (r *Result) AddNotice(text string) {
	r.notices = append(r.notices, text)
}

// Notices are the sentences to print after the build.
func (r *Result) Notices() []string {
	return r.notices
}

// Ref is the build's reference in the daemon's history.
func (r *Result) Ref() string {
	return r.ref
}

// AnswerError is returned for a daemon's answer that is not what it should be. It is not printed as a result: scripts
// paste those into commands and manifests.
type AnswerError struct {
	Key, Value string
	Cause      error
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("the builder answered with an invalid %s %q: %v", e.Key, e.Value, e.Cause)
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

// Digest is that of the image, its manifest or its index; empty if the build
// made no image, or its digest is invalid.
func (r *Result) Digest() string {
	return r.digest(exptypes.ExporterImageDigestKey)
}

// ImageID is what docker calls the image's ID: the digest of its configuration,
// or the image's digest if it has no single configuration.
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

// Line is the answer of the command, without a newline: reference@digest of an
// image that was pushed, ready to be pasted into a manifest; the digest of an
// image that was not; empty without an image, or if Check has an error.
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

// reference is the user's spelling, or the daemon's if the user let the frontend
// give the name.
func (r *Result) reference() string {
	if r.pushed == "*" {
		return firstOf(r.response[exptypes.ExporterImageNameKey])
	}
	return r.pushed
}
