package buildcontext

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"slices"
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

// memoryFS are files that were read before, or are on no disk: nothing is left behind when the process is killed, and
// nothing else of their directory is the daemon's to ask for.
type memoryFS []memoryFile

type memoryFile struct {
	stat *types.Stat
	data []byte
}

// newMemoryFile dates the file now. The daemon keeps what it got under the context's
// key and compares size and time only: with a constant time another Dockerfile
// of the same length would be taken for this one.
func newMemoryFile(name string, data []byte) memoryFile {
	return memoryFile{
		stat: &types.Stat{Path: name, Mode: 0o644, Size: int64(len(data)), ModTime: time.Now().UnixNano()},
		data: data,
	}
}

func newDockerfileFS(data []byte) memoryFS {
	return memoryFS{newMemoryFile(defaultDockerfile, data)}
}

// Walk visits all files if target is the root, and else the one of that name: the frontend asks for
// the names of other files too.
func (f memoryFS) Walk(ctx context.Context, target string, visit fs.WalkDirFunc) error {
	target = slashed(target)
	for _, file := range f {
		if err := ctx.Err(); err != nil {
			return err
		}
		if target != "." && target != "" && target != file.stat.Path {
			continue
		}
		if err := visit(file.stat.Path, &fsutil.DirEntryInfo{Stat: file.stat.Clone()}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Open opens a file by its name.
func (f memoryFS) Open(name string) (io.ReadCloser, error) {
	i := slices.IndexFunc(f, func(file memoryFile) bool { return file.stat.Path == slashed(name) })
	if i < 0 {
		return nil, &fs.PathError{Op: "opening", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(f[i].data)), nil
}
