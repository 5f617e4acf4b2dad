package buildcontext

import (
	"context"
	"io"
	"io/fs"
	"sync"
)

// MaxFetched is the maximum size of a downloaded Dockerfile, in bytes, as in docker.
const MaxFetched = 2 << 20

// Fetched is a Dockerfile at a URL. The daemon downloads it, since the client may
// not reach the server, and sends it to the client; then it is handled like one on
// standard input.
type Fetched struct {
	URL string

	mu   sync.Mutex
	file memoryFS
}

// Fill sets the text, before the frontend requests it.
func (f *Fetched) Fill(text []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.file = newDockerfileFS(text)
}

// Walk visits the file.
func (f *Fetched) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	return f.filled().Walk(ctx, target, fn)
}

// Open opens the file.
func (f *Fetched) Open(name string) (io.ReadCloser, error) {
	return f.filled().Open(name)
}

func (f *Fetched) filled() memoryFS {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return newDockerfileFS(nil)
	}
	return f.file
}

func (c *Context) dockerfileFromURL(url string) {
	c.fetched = &Fetched{URL: url}
	c.mounts[dockerfileMount] = c.fetched
	c.attrs[filenameAttr] = defaultDockerfile
	c.attrs[dockerfileKeyAttr] = dockerfileMount
}
