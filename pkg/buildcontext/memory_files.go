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

// emptyFS is the context of a build without a context.
type emptyFS struct{}

func (emptyFS) Walk(context.Context, string, fs.WalkDirFunc) error { return nil }

func (emptyFS) Open(name string) (io.ReadCloser, error) {
	return nil, &fs.PathError{Op: "opening", Path: name, Err: fs.ErrNotExist}
}

// memoryFS has files in memory: no temporary file is left when the process is killed, and the
// daemon cannot request other files of their directory.
type memoryFS []memoryFile

type memoryFile struct {
	stat *types.Stat
	data []byte
}

// newMemoryFile returns a file with the current modification time. The daemon keeps
// the files of the context's key and compares size and time only: with a constant
// time it would not notice another Dockerfile of the same length.
func newMemoryFile(name string, data []byte) memoryFile {
	return memoryFile{
		stat: &types.Stat{Path: name, Mode: 0o644, Size: int64(len(data)), ModTime: time.Now().UnixNano()},
		data: data,
	}
}

func newDockerfileFS(data []byte) memoryFS {
	return memoryFS{newMemoryFile(defaultDockerfile, data)}
}

// Walk visits all files if target is the root, and else the one of that name: the frontend also
// requests files that do not exist.
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
