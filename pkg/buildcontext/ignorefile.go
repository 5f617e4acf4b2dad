package buildcontext

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

const (
	ignoreFile = ".dockerignore"
	// maxIgnoreFile bounds what is read here; the daemon refuses far smaller ones, and should be the one to say so.
	maxIgnoreFile = 1 << 20
	// nothingIgnored stands for a missing file. It is not empty: the frontend would take that for "look elsewhere".
	nothingIgnored = "# there is no .dockerignore\n"
)

// sendIgnoreFile puts the context's .dockerignore beside the Dockerfile, under the name that the frontend looks for
// first, "Dockerfile.dockerignore". The two then travel together, and the frontend does not come back for the second:
// three round trips less, which is a quarter of a second over a slow link.
func sendIgnoreFile(files fsutil.FS, dockerfile, contextDir string) fsutil.FS {
	if _, err := os.Lstat(dockerfile + ignoreFile); !os.IsNotExist(err) {
		return files // this Dockerfile has one of its own
	}
	stat := &types.Stat{Path: filepath.Base(dockerfile) + ignoreFile, Mode: 0o644, Size: int64(len(nothingIgnored)), ModTime: 1}
	text := []byte(nothingIgnored)
	path := filepath.Join(contextDir, ignoreFile)
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
	case err != nil, !info.Mode().IsRegular(), info.Size() > maxIgnoreFile:
		return files
	default:
		if text, err = os.ReadFile(path); err != nil {
			return files
		}
		stat.Size, stat.ModTime = int64(len(text)), info.ModTime().UnixNano()
	}
	return withFile{FS: files, extra: fileFS{stat: stat, data: text}}
}

// withFile is a file system with one file more at its root.
type withFile struct {
	fsutil.FS
	extra fileFS
}

// Walk visits the extra file at its place in the order: the receiving side counts on it.
func (f withFile) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	target = strings.Trim(filepath.ToSlash(filepath.Clean(target)), "/")
	if target == f.extra.stat.Path {
		return f.extra.Walk(ctx, target, fn)
	}
	if target != "." && target != "" {
		return f.FS.Walk(ctx, target, fn)
	}
	visited := false
	visit := func() error {
		visited = true
		return f.extra.Walk(ctx, "", fn)
	}
	err := f.FS.Walk(ctx, "", func(path string, entry fs.DirEntry, err error) error {
		if !visited && fsutil.ComparePath(f.extra.stat.Path, path) < 0 {
			if err := visit(); err != nil {
				return err
			}
		}
		return fn(path, entry, err)
	})
	if err != nil || visited {
		return err
	}
	return visit()
}

func (f withFile) Open(name string) (io.ReadCloser, error) {
	if filepath.ToSlash(name) == f.extra.stat.Path {
		return f.extra.Open(f.extra.stat.Path)
	}
	return f.FS.Open(name)
}
