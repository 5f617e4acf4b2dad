package result

import (
	"encoding/json"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
)

// RefKey is the metadata key of the build's reference in the daemon's history.
// docker writes it as buildx.build.ref, with the names of its builder and node.
const RefKey = "kubectl-buildkit.build.ref"

// ProvenanceKey is the metadata key of the build's provenance, followed by a slash and the platform where the build
// names platforms. The name is docker's, for those who read it there.
const ProvenanceKey = "buildx.build.provenance"

// Result is the daemon's answer to a solve.
type Result struct {
	ref        string
	pushed     string
	response   map[string]string
	provenance map[string]json.RawMessage
	warnings   []client.VertexWarning
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

// Ref is the build's reference in the daemon's history.
func (r *Result) Ref() string {
	return r.ref
}

// Digest is that of the image, its manifest or its index; empty if the build
// made no image.
func (r *Result) Digest() string {
	return r.response[exptypes.ExporterImageDigestKey]
}

// ImageID is what docker calls the image's ID: the digest of its configuration,
// or the image's digest if it has no single configuration.
func (r *Result) ImageID() string {
	if id := r.response[exptypes.ExporterImageConfigDigestKey]; id != "" {
		return id
	}
	return r.Digest()
}

// Line is the answer of the command, without a newline: reference@digest of an
// image that was pushed, ready to be pasted into a manifest; the digest of an
// image that was not; empty if there is no image.
func (r *Result) Line() string {
	digest := r.Digest()
	if digest == "" || r.pushed == "" {
		return digest
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
