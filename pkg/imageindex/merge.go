package imageindex

import (
	"encoding/json"
	"fmt"
	"slices"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// MaxManifest is the maximum size of a manifest or an index, in bytes: registries accept no larger
// ones.
const MaxManifest = 4 << 20

// The media types of Docker, which BuildKit writes with oci-mediatypes=false.
const (
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// Part is what one daemon has built.
type Part struct {
	// From names the daemon in errors.
	From string
	// Platforms are those that the daemon was asked for, in the spelling of package platforms.
	Platforms []string
	// Descriptor is what the daemon reported, e.g. in containerimage.descriptor. Only its
	// digest is required. Of a manifest, Platform is used if the version of the operating
	// system is in it, and Annotations are those that the index is to have for the manifest.
	Descriptor ocispecs.Descriptor
	// Text has the bytes of the index or manifest, with the digest of Descriptor.
	Text []byte
}

// Options are the properties of the index that its parts do not have.
type Options struct {
	// Platforms is the order of the images: that of --platform.
	Platforms []string
	// Annotations are those of the index itself. See Annotations.
	Annotations map[string]string
}

// Index is an image index.
type Index struct {
	Text      []byte // as it is pushed
	MediaType string
	Digest    digest.Digest // of Text
	// Manifests are the descriptors in it: first the images, in the order of Options.Platforms,
	// then their attestations.
	Manifests []ocispecs.Descriptor
}

// Descriptor returns the descriptor of the index, with these annotations, which may be nil.
func (i *Index) Descriptor(annotations map[string]string) ocispecs.Descriptor {
	return ocispecs.Descriptor{MediaType: i.MediaType, Digest: i.Digest, Size: int64(len(i.Text)), Annotations: annotations}
}

// Merge returns the index of all images of the parts, and of their attestations. It returns a
// *PartError if a part is not what its daemon was asked for, or does not have its digest.
func Merge(parts []Part, o Options) (*Index, error) {
	read := make([]*contents, len(parts))
	for i := range parts {
		found, err := parts[i].read()
		if err != nil {
			return nil, &PartError{From: parts[i].From, Cause: err}
		}
		read[i] = found
	}
	ordered, err := order(parts, read, o.Platforms)
	if err != nil {
		return nil, err
	}
	index := ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex, Annotations: o.Annotations,
	}
	var attestations []ocispecs.Descriptor
	for _, one := range ordered {
		index.Manifests = append(index.Manifests, one.manifest)
		attestations = append(attestations, one.attestations...)
	}
	index.Manifests = append(index.Manifests, attestations...)
	if len(index.Manifests) > 0 && !slices.ContainsFunc(index.Manifests, func(d ocispecs.Descriptor) bool { return d.MediaType != DockerManifest }) {
		index.MediaType = DockerList
	}
	text, err := json.MarshalIndent(index, "", "  ") // as BuildKit does
	if err != nil {
		return nil, fmt.Errorf("encoding the index: %w", err)
	}
	if len(text) > MaxManifest {
		return nil, &TooLargeError{What: "the index of all platforms", Size: len(text)}
	}
	return &Index{Text: text, MediaType: index.MediaType, Digest: digest.FromBytes(text), Manifests: index.Manifests}, nil
}

// order returns the images in the order of the platforms. Each platform has one image, of the part
// that was asked for it.
func order(parts []Part, read []*contents, wanted []string) ([]image, error) {
	var ordered []image
	for _, name := range wanted {
		part := slices.IndexFunc(parts, func(p Part) bool { return slices.Contains(p.Platforms, name) })
		if part < 0 {
			return nil, &PlatformError{Platform: name}
		}
		found, ok := read[part].take(name)
		if !ok {
			return nil, &PartError{From: parts[part].From, Cause: fmt.Errorf("it has no image for platform %s", name)}
		}
		ordered = append(ordered, found)
	}
	for i, rest := range read {
		if extra := rest.images; len(extra) > 0 {
			return nil, &PartError{From: parts[i].From, Cause: fmt.Errorf("it has an image for a platform that was not asked for: %s", extra[0].name())}
		}
	}
	return ordered, nil
}
