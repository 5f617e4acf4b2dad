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

// maxBlob is the maximum size of a blob that is read, in bytes. Logs, the largest, are truncated by
// BuildKit at 2 MiB a step.
const maxBlob = 256 << 20

// blobs reads a daemon's blobs of at most maxBlob bytes.
type blobs struct{ content.InfoReaderProvider }

func blobsOf(c *client.Client) blobs {
	return blobs{proxy.NewContentStore(c.ContentClient())}
}

// ReaderAt returns an error for a blob whose reported size is invalid or too large: readers
// allocate that size.
func (b blobs) ReaderAt(ctx context.Context, blob ocispecs.Descriptor) (content.ReaderAt, error) {
	reader, err := b.InfoReaderProvider.ReaderAt(ctx, blob)
	if err != nil {
		return nil, err
	}
	if size := reader.Size(); size < 0 || size > maxBlob {
		_ = reader.Close()
		return nil, fmt.Errorf("the builder reports %[2]d bytes for blob %[1]s; the maximum is %[3]d", blob.Digest, size, maxBlob)
	}
	return reader, nil
}

// read returns the whole blob. It allocates the received size, not the reported one.
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
