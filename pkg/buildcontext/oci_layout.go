package buildcontext

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// maxIndex is the maximum size of a layout's index, in bytes.
const maxIndex = 16 << 20

// imageName is containerd's annotation with the name of an image.
const imageName = "io.containerd.image.name"

// layout is an OCI layout of the user as a read-only content store for the daemon. Links out of it
// are not followed.
type layout struct {
	root *safefile.Root
}

func openLayout(dir string) (*layout, error) {
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &layout{root: root}, nil
}

// find returns the tag's image, or the only one.
func (l *layout) find(tag string) (digest.Digest, error) {
	text, err := l.root.ReadFile(ocispecs.ImageIndexFile, maxIndex)
	if err != nil {
		return "", err
	}
	var index ocispecs.Index
	if err := json.Unmarshal(text, &index); err != nil {
		return "", fmt.Errorf("reading %q: %w", ocispecs.ImageIndexFile, err)
	}
	for _, annotation := range []string{imageName, ocispecs.AnnotationRefName} {
		for _, image := range index.Manifests {
			if name, named := image.Annotations[annotation]; named && name == tag {
				return image.Digest, image.Digest.Validate()
			}
		}
	}
	if len(index.Manifests) == 1 {
		return index.Manifests[0].Digest, index.Manifests[0].Digest.Validate()
	}
	return "", &fs.PathError{Op: "looking for tag " + tag, Path: l.root.Dir(), Err: fs.ErrNotExist}
}

func (l *layout) open(dgst digest.Digest) (*os.File, error) {
	if err := dgst.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", errdefs.ErrInvalidArgument, err)
	}
	file, err := l.root.Open(path.Join(ocispecs.ImageBlobsDir, dgst.Algorithm().String(), dgst.Encoded()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w", dgst, errdefs.ErrNotFound)
	}
	return file, err
}

// Info returns the size of a blob.
func (l *layout) Info(_ context.Context, dgst digest.Digest) (content.Info, error) {
	file, err := l.open(dgst)
	if err != nil {
		return content.Info{}, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return content.Info{}, err
	}
	return content.Info{Digest: dgst, Size: info.Size(), CreatedAt: info.ModTime(), UpdatedAt: info.ModTime()}, nil
}

// ReaderAt opens a blob.
func (l *layout) ReaderAt(_ context.Context, image ocispecs.Descriptor) (content.ReaderAt, error) {
	file, err := l.open(image.Digest)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &blob{File: file, size: info.Size()}, nil
}

type blob struct {
	*os.File
	size int64
}

func (b *blob) Size() int64 { return b.size }

// The other methods would change the layout, or list content that the build did not request.

func refused() error {
	return fmt.Errorf("the layout can only be read: %w", errdefs.ErrPermissionDenied)
}

// Update is refused.
func (l *layout) Update(context.Context, content.Info, ...string) (content.Info, error) {
	return content.Info{}, refused()
}

// Walk is refused.
func (l *layout) Walk(context.Context, content.WalkFunc, ...string) error { return refused() }

// Delete is refused.
func (l *layout) Delete(context.Context, digest.Digest) error { return refused() }

// Status is refused.
func (l *layout) Status(context.Context, string) (content.Status, error) {
	return content.Status{}, refused()
}

// ListStatuses is refused.
func (l *layout) ListStatuses(context.Context, ...string) ([]content.Status, error) {
	return nil, refused()
}

// Abort is refused.
func (l *layout) Abort(context.Context, string) error { return refused() }

// Writer is refused.
func (l *layout) Writer(context.Context, ...content.WriterOpt) (content.Writer, error) {
	return nil, refused()
}
