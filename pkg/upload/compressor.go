package upload

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"google.golang.org/grpc/encoding"
)

const (
	// encodingName is gRPC's name of the compression. BuildKit's daemon offers no other.
	encodingName = "gzip"
	// level is the fastest: it compresses source code to a quarter; the best level, at a tenth of
	// the speed, to a fifth.
	level = gzip.BestSpeed
)

// RegisterCompressor registers the compression with gRPC. gRPC has one table of them for the whole
// process, without a lock, so main calls this once, before there is any connection; a process that
// does not call it sends uncompressed data.
func RegisterCompressor() {
	encoding.RegisterCompressor(newCompressor())
}

// compressor reuses its writers and readers: a new writer costs more than compressing a message
// with it.
type compressor struct {
	writers, readers sync.Pool
}

func newCompressor() *compressor {
	return &compressor{}
}

// Name returns the value of gRPC's header.
func (c *compressor) Name() string { return encodingName }

// Compress returns a writer whose Close ends the message.
func (c *compressor) Compress(w io.Writer) (io.WriteCloser, error) {
	if kept, ok := c.writers.Get().(*pooledWriter); ok {
		kept.Reset(w)
		return kept, nil
	}
	fresh, err := gzip.NewWriterLevel(w, level)
	return &pooledWriter{Writer: fresh, pool: &c.writers}, err
}

// Decompress reads a message to its end.
func (c *compressor) Decompress(r io.Reader) (io.Reader, error) {
	kept, ok := c.readers.Get().(*pooledReader)
	if !ok {
		fresh, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		return &pooledReader{Reader: fresh, pool: &c.readers}, nil
	}
	if err := kept.Reset(r); err != nil {
		c.readers.Put(kept)
		return nil, err
	}
	return kept, nil
}

type pooledWriter struct {
	*gzip.Writer
	pool *sync.Pool
}

func (w *pooledWriter) Close() error {
	defer w.pool.Put(w)
	return w.Writer.Close()
}

type pooledReader struct {
	*gzip.Reader
	pool *sync.Pool
}

// Close is called by gRPC once, after the last Read.
func (r *pooledReader) Close() error {
	defer r.pool.Put(r)
	return r.Reader.Close()
}
