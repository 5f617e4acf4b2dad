package imageindex

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/platforms"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// The annotations by which an attestation manifest names its image in an index.
const (
	referenceType   = "vnd.docker.reference.type"
	referenceDigest = "vnd.docker.reference.digest"
	attestation     = "attestation-manifest"
)

// The annotations that BuildKit adds to the descriptor in a response, and not to that in an index.
const (
	configDigest = "config.digest"
	created      = ocispecs.AnnotationCreated
)

// maxName is the maximum length of a daemon's text in an error, in bytes.
const maxName = 200

// image is an image of one platform, and its attestations.
type image struct {
	manifest     ocispecs.Descriptor
	attestations []ocispecs.Descriptor
}

// name returns the image's platform, safe to print.
func (i image) name() string {
	if i.manifest.Platform == nil {
		return "none"
	}
	return escape.Bounded(platforms.FormatAll(*i.manifest.Platform), maxName)
}

// contents are the images of a part that no platform was found for yet.
type contents struct{ images []image }

// take removes the image of the platform, and returns it.
func (c *contents) take(platform string) (image, bool) {
	at := slices.IndexFunc(c.images, func(i image) bool { return matches(platform, i.manifest.Platform) })
	if at < 0 {
		return image{}, false
	}
	found := c.images[at]
	c.images = slices.Delete(c.images, at, at+1)
	return found, true
}

// matches reports whether the image's platform is the wanted one. An image for Windows may have the
// version of its base image where none was asked for.
func matches(wanted string, found *ocispecs.Platform) bool {
	if found == nil {
		return false
	}
	want, err := platforms.Parse(wanted)
	if err != nil {
		return false
	}
	want, has := platforms.Normalize(want), platforms.Normalize(*found)
	return want.OS == has.OS && want.Architecture == has.Architecture && want.Variant == has.Variant &&
		(want.OSVersion == has.OSVersion || want.OSVersion == "" && want.OS == "windows") &&
		(slices.Equal(want.OSFeatures, has.OSFeatures) || len(want.OSFeatures) == 0 && want.OS == "windows")
}

// read checks the bytes, and returns the images in them.
func (p *Part) read() (*contents, error) {
	if err := Verify(p.Text, p.Descriptor.Digest); err != nil {
		return nil, err
	}
	media, err := MediaType(p.Text)
	if err != nil {
		return nil, err
	}
	switch media {
	case ocispecs.MediaTypeImageManifest, DockerManifest:
		return p.manifest(media), nil
	}
	var index ocispecs.Index
	if err := json.Unmarshal(p.Text, &index); err != nil {
		return nil, fmt.Errorf("decoding the index: %w", err)
	}
	return sort(index.Manifests)
}

// manifest is the part of a daemon that built one platform, without attestations. The manifest does
// not have its platform.
func (p *Part) manifest(media string) *contents {
	found := ocispecs.Descriptor{MediaType: media, Digest: p.Descriptor.Digest, Size: int64(len(p.Text)), Platform: p.Descriptor.Platform}
	if len(p.Platforms) == 1 && !matches(p.Platforms[0], found.Platform) {
		if asked, err := platforms.Parse(p.Platforms[0]); err == nil {
			asked = platforms.Normalize(asked)
			found.Platform = &asked
		}
	}
	found.Annotations = maps.Clone(p.Descriptor.Annotations)
	delete(found.Annotations, configDigest)
	delete(found.Annotations, created)
	return &contents{images: []image{{manifest: found}}}
}

// sort adds the attestations to their images.
func sort(descriptors []ocispecs.Descriptor) (*contents, error) {
	c := &contents{}
	var rest []ocispecs.Descriptor
	for _, each := range descriptors {
		if err := check(each); err != nil {
			return nil, err
		}
		if each.Annotations[referenceType] == attestation {
			rest = append(rest, each)
			continue
		}
		c.images = append(c.images, image{manifest: each})
	}
	for _, each := range rest {
		at := slices.IndexFunc(c.images, func(i image) bool { return i.manifest.Digest.String() == each.Annotations[referenceDigest] })
		if at < 0 {
			return nil, fmt.Errorf("attestation %s is not for one of its images", each.Digest)
		}
		if len(c.images[at].attestations) > 0 {
			return nil, fmt.Errorf("image %s has several attestation manifests", c.images[at].manifest.Digest)
		}
		c.images[at].attestations = append(c.images[at].attestations, each)
	}
	return c, nil
}

// check returns an error for a descriptor that BuildKit does not write: it could make clients read
// from other places, or an index of indexes.
func check(d ocispecs.Descriptor) error {
	if err := checkDigest(d.Digest); err != nil {
		return err
	}
	switch {
	case d.MediaType != ocispecs.MediaTypeImageManifest && d.MediaType != DockerManifest:
		return fmt.Errorf("%s is not a manifest but %q", d.Digest, escape.Bounded(d.MediaType, maxName))
	case len(d.URLs) > 0 || len(d.Data) > 0:
		return fmt.Errorf("the descriptor of %s has URLs or data", d.Digest)
	case d.Size <= 0 || d.Size > MaxManifest:
		return fmt.Errorf("%s has the invalid size %d", d.Digest, d.Size)
	}
	return nil
}

func checkDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("invalid digest %q: %w", escape.Bounded(d.String(), maxName), err)
	}
	if !d.Algorithm().Available() {
		return fmt.Errorf("the algorithm of digest %q is not supported", d)
	}
	return nil
}

// Verify returns an error if the manifest is too large, or does not have the digest.
func Verify(text []byte, wanted digest.Digest) error {
	if err := checkDigest(wanted); err != nil {
		return err
	}
	if len(text) > MaxManifest {
		return &TooLargeError{What: "manifest " + wanted.String(), Size: len(text)}
	}
	if found := wanted.Algorithm().FromBytes(text); found != wanted {
		return fmt.Errorf("the bytes of %s have the digest %s", wanted, found)
	}
	return nil
}

// MediaType returns the media type that a manifest or an index names in its text: one of
// BuildKit's, which are those of OCI and Docker.
func MediaType(text []byte) (string, error) {
	var named struct {
		MediaType string `json:"mediaType"`
	}
	if err := json.Unmarshal(text, &named); err != nil {
		return "", fmt.Errorf("decoding the manifest: %w", err)
	}
	switch named.MediaType {
	case ocispecs.MediaTypeImageManifest, ocispecs.MediaTypeImageIndex, DockerManifest, DockerList:
		return named.MediaType, nil
	case "":
		return "", errors.New("the manifest has no media type")
	}
	return "", fmt.Errorf("%q is not the media type of an image", escape.Bounded(named.MediaType, maxName))
}
