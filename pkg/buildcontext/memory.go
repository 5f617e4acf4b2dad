package buildcontext

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// emptyFS is the context of a build that has none.
type emptyFS struct{}

func (emptyFS) Walk(context.Context, string, fs.WalkDirFunc) error { return nil }

func (emptyFS) Open(name string) (io.ReadCloser, error) {
	return nil, &fs.PathError{Op: "opening", Path: name, Err: fs.ErrNotExist}
}

// fileFS is one file that is on no disk: nothing is left behind when the
// process is killed.
type fileFS struct {
	stat *types.Stat
	data []byte
}

// newDockerfileFS dates the file now. The daemon keeps what it got under the context's
// key and compares size and time only: with a constant time another Dockerfile
// of the same length would be taken for this one.
func newDockerfileFS(data []byte) fileFS {
	return fileFS{
		stat: &types.Stat{Path: defaultDockerfile, Mode: 0o644, Size: int64(len(data)), ModTime: time.Now().UnixNano()},
		data: data,
	}
}

// Walk visits the file if target is the root or the file: the frontend asks for
// the names of other files too.
func (f fileFS) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	target = strings.Trim(filepath.ToSlash(filepath.Clean(target)), "/")
	if target != "." && target != "" && target != f.stat.Path {
		return nil
	}
	return fn(f.stat.Path, &fsutil.DirEntryInfo{Stat: f.stat.Clone()}, nil)
}

func (f fileFS) Open(name string) (io.ReadCloser, error) {
	if name != f.stat.Path {
		return nil, &fs.PathError{Op: "opening", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(f.data)), nil
}
