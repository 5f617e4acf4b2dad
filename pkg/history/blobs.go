package history

import (
	"context"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/content/proxy"
	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxBlob bounds, in bytes, what is read of a blob, whatever size the daemon says that it has. Logs, the largest, are
// clipped by BuildKit at 2 MiB a step.
const maxBlob = 256 << 20

// blobs are a daemon's, each no larger than maxBlob.
type blobs struct{ content.InfoReaderProvider }

func blobsOf(c *client.Client) blobs {
	return blobs{proxy.NewContentStore(c.ContentClient())}
}

// ReaderAt returns an error for a blob whose size cannot be: readers allocate what it says.
func (b blobs) ReaderAt(ctx context.Context, blob ocispecs.Descriptor) (content.ReaderAt, error) {
	reader, err := b.InfoReaderProvider.ReaderAt(ctx, blob)
	if err != nil {
		return nil, err
	}
	if size := reader.Size(); size < 0 || size > maxBlob {
		_ = reader.Close()
		return nil, fmt.Errorf("the builder says that blob %s has %d bytes; at most %d are read", blob.Digest, size, maxBlob)
	}
	return reader, nil
}

// read returns the whole blob. It allocates what has arrived, not what was announced.
func (b blobs) read(ctx context.Context, blob *controlapi.Descriptor) ([]byte, error) {
	reader, err := b.ReaderAt(ctx, descriptor(blob))
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }()
	text, err := io.ReadAll(io.NewSectionReader(reader, 0, reader.Size()))
	if err == nil && int64(len(text)) != reader.Size() {
		err = fmt.Errorf("blob %s ended after %d of %d bytes: %w", blob.Digest, len(text), reader.Size(), io.ErrUnexpectedEOF)
	}
	return text, err
}
