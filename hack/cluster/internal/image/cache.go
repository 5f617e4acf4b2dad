package image

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Cache is a directory of made images, each an OCI layout in a directory named by the image's key.
type Cache struct {
	dir      string
	progress io.Writer
}

// NewCache returns the cache in dir. Progress is one line per image that has to be made.
func NewCache(dir string, progress io.Writer) *Cache {
	return &Cache{dir: dir, progress: progress}
}

// Layout is the path of a made image.
type Layout string

// Make returns the image's layout, made now when it is not in the cache. Number is which of how many it is, for people.
func (c *Cache) Make(image Image, number string) (Layout, error) {
	key, err := image.key()
	if err != nil {
		return "", err
	}
	final := filepath.Join(c.dir, key)
	if _, err := os.Stat(final); err == nil {
		return Layout(final), nil
	}
	fmt.Fprintf(c.progress, "  %s: making %s\n", number, image.Reference)
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return "", fmt.Errorf("making image %q: %w", image.Reference, err)
	}
	temporary, err := os.MkdirTemp(c.dir, ".making-*")
	if err != nil {
		return "", fmt.Errorf("making image %q: %w", image.Reference, err)
	}
	defer os.RemoveAll(temporary)
	if err := write(temporary, image); err != nil {
		return "", fmt.Errorf("making image %q: %w", image.Reference, err)
	}
	// The whole layout appears at once, so a killed run leaves none that is half made.
	if err := os.Rename(temporary, final); err != nil {
		return "", fmt.Errorf("making image %q: %w", image.Reference, err)
	}
	return Layout(final), nil
}

func write(dir string, image Image) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	// containerd's import reads the image's name from this annotation.
	named := layout.WithAnnotations(map[string]string{"io.containerd.image.name": image.Reference})
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, recipe := range image.Recipes {
		made, err := assemble(recipe)
		if err != nil {
			return err
		}
		if len(image.Recipes) == 1 {
			return path.AppendImage(made, named)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: made, Descriptor: v1.Descriptor{Platform: &recipe.Platform},
		})
	}
	return path.AppendIndex(index, named)
}

func assemble(recipe Recipe) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, entries := range recipe.Layers {
		layer, err := newLayer(entries)
		if err != nil {
			return nil, err
		}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "kubectl-buildkit hack/cluster"}}); err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = recipe.Platform.OS, recipe.Platform.Architecture, recipe.Platform.Variant
	config.Config = recipe.Config
	return mutate.ConfigFile(image, config)
}

// Push writes the image to a registry under the given reference. Auth may be nil.
func (l Layout) Push(ctx context.Context, reference string, transport http.RoundTripper, auth authn.Authenticator) error {
	target, err := name.ParseReference(reference)
	if err != nil {
		return fmt.Errorf("pushing %q: %w", reference, err)
	}
	index, err := layout.ImageIndexFromPath(string(l))
	if err != nil {
		return fmt.Errorf("pushing %q: %w", reference, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("pushing %q: %w", reference, err)
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithTransport(transport)}
	if auth != nil {
		options = append(options, remote.WithAuth(auth))
	}
	root := manifest.Manifests[0]
	if root.MediaType.IsIndex() {
		child, err := index.ImageIndex(root.Digest)
		if err != nil {
			return fmt.Errorf("pushing %q: %w", reference, err)
		}
		return remote.WriteIndex(target, child, options...)
	}
	child, err := index.Image(root.Digest)
	if err != nil {
		return fmt.Errorf("pushing %q: %w", reference, err)
	}
	return remote.Write(target, child, options...)
}

// Archive writes the layout as a tar, the form in which containerd imports it.
func (l Layout) Archive(target io.Writer) error {
	archive := tar.NewWriter(target)
	if err := archive.AddFS(os.DirFS(string(l)).(fs.StatFS)); err != nil {
		return fmt.Errorf("archiving image: %w", err)
	}
	return archive.Close()
}
