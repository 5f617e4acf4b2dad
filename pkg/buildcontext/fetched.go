package buildcontext

import (
	"context"
	"io"
	"io/fs"
	"sync"
)

// MaxFetched bounds, in bytes, a Dockerfile that is fetched, as docker does.
const MaxFetched = 2 << 20

// Fetched is a Dockerfile behind a URL. The daemon fetches it, since only it may
// reach the place, and sends it here; from then on it is a file like one on
// standard input.
type Fetched struct {
	URL string

	mu   sync.Mutex
	file memoryFS
}

// Fill gives it the text, before the frontend asks for it.
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
