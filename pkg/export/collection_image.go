package export

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"strings"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
)

const blobs = ocispecs.ImageBlobsDir + "/" + string(digest.SHA256)

// readImages merges the indexes of the images that the parts have, and returns how to write the
// layout of all.
func (c *Collection) readImages() (*imageindex.Index, fill, error) {
	var named []ocispecs.Descriptor
	former := map[string]bool{} // the indexes of the parts, which the merged one replaces
	parts := make([]imageindex.Part, len(c.kept))
	for n := range c.kept {
		list, err := c.listed(n)
		if err != nil {
			return nil, nil, err
		}
		parts[n] = imageindex.Part{From: strings.Join(c.options.Parts[n], ","), Platforms: c.options.Parts[n], Descriptor: list[0]}
		if parts[n].Text, err = c.find(n, blobName(list[0].Digest), imageindex.MaxManifest); err != nil {
			return nil, nil, err
		}
		if former[blobName(list[0].Digest)] = true; n == 0 {
			named = list
		}
	}
	index, err := imageindex.Merge(parts, imageindex.Options{Platforms: c.options.Platforms, Annotations: c.options.Annotations})
	if err != nil {
		return nil, nil, err
	}
	return index, func(to sink) error { return c.joinImages(to, index, named, maps.Clone(former)) }, nil
}

// listed returns the names that the archive of a part lists: each is a descriptor of the same
// index.
func (c *Collection) listed(n int) ([]ocispecs.Descriptor, error) {
	text, err := c.find(n, ocispecs.ImageIndexFile, maxIndex)
	if err != nil {
		return nil, err
	}
	var list ocispecs.Index
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("reading %q of %s: %w", ocispecs.ImageIndexFile, c.options.Parts[n], err)
	}
	if len(list.Manifests) == 0 {
		return nil, fmt.Errorf("the archive of %s has no image", c.options.Parts[n])
	}
	for _, image := range list.Manifests {
		if err := image.Digest.Validate(); err != nil {
			return nil, fmt.Errorf("reading %q of %s: %w", ocispecs.ImageIndexFile, c.options.Parts[n], err)
		}
		if image.Digest != list.Manifests[0].Digest {
			return nil, fmt.Errorf("the archive of %s has several images", c.options.Parts[n])
		}
	}
	return list.Manifests, nil
}

// find returns the file of that name in the archive of a part.
func (c *Collection) find(n int, name string, limit int64) (text []byte, err error) {
	err = c.walk(n, func(header *tar.Header, content io.Reader) (err error) {
		if path.Clean(header.Name) != name || header.Typeflag != tar.TypeReg || text != nil {
			return nil
		}
		if header.Size > limit {
			return fmt.Errorf("%q of %s is larger than %d bytes", name, c.options.Parts[n], limit)
		}
		text, err = io.ReadAll(content)
		return err
	})
	if err == nil && text == nil {
		err = fmt.Errorf("the archive of %s does not have %q", c.options.Parts[n], name)
	}
	return text, err
}

func blobName(d digest.Digest) string {
	return path.Join(ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// joinImages writes the layout: the blobs of all parts but those that count as written, the index,
// and its names.
func (c *Collection) joinImages(to sink, index *imageindex.Index, named []ocispecs.Descriptor, written map[string]bool) error {
	for _, directory := range []string{ocispecs.ImageBlobsDir, blobs} {
		if err := to.add(&tar.Header{Typeflag: tar.TypeDir, Name: directory + "/", Mode: 0o755}, bytes.NewReader(nil)); err != nil {
			return err
		}
	}
	for n := range c.kept {
		err := c.walk(n, func(header *tar.Header, content io.Reader) error {
			name := path.Clean(header.Name)
			if header.Typeflag != tar.TypeReg || path.Dir(name) != blobs || written[name] {
				return nil
			}
			written[name] = true
			return c.copyBlob(to, n, name, header.Size, content)
		})
		if err != nil {
			return err
		}
	}
	list := ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex}
	for _, name := range named {
		list.Manifests = append(list.Manifests, c.describe(index, name))
	}
	names, err := json.Marshal(list)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		text []byte
	}{
		{blobName(index.Digest), index.Text},
		{ocispecs.ImageIndexFile, names},
		{ocispecs.ImageLayoutFile, []byte(`{"imageLayoutVersion":"` + ocispecs.ImageLayoutVersion + `"}`)},
	} {
		if err := to.add(regular(file.name, int64(len(file.text))), bytes.NewReader(file.text)); err != nil {
			return err
		}
	}
	return nil
}

func regular(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o444}
}

// copyBlob copies a blob that has the digest which is its name.
func (c *Collection) copyBlob(to sink, n int, name string, size int64, content io.Reader) error {
	digester := digest.SHA256.Digester()
	if err := to.add(regular(name, size), io.TeeReader(content, digester.Hash())); err != nil {
		return err
	}
	if digester.Digest().Encoded() != path.Base(name) {
		return fmt.Errorf("blob %q of %s does not have that digest", path.Base(name), c.options.Parts[n])
	}
	return nil
}

// describe returns the merged index under one of the names that the first part has.
func (c *Collection) describe(index *imageindex.Index, name ocispecs.Descriptor) ocispecs.Descriptor {
	annotations := map[string]string{}
	for _, from := range []map[string]string{name.Annotations, c.options.Descriptor} {
		for key, value := range from {
			annotations[key] = value
		}
	}
	return index.Descriptor(annotations)
}
