package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/moby/buildkit/client"
	"github.com/tonistiigi/fsutil"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// FileError is returned when a file that a build reads cannot be read.
type FileError struct {
	Directory string // its path, or the daemon's name of a directory without a path
	Name      string // of the file in it
	Cause     error
}

func (e *FileError) Error() string {
	return fmt.Sprintf("reading %q of the directory %q: %v", e.Name, e.Directory, reason(e.Cause))
}

func (e *FileError) Unwrap() error { return e.Cause }

// Class returns fault.Failed.
func (*FileError) Class() fault.Class { return fault.Failed }

// reason returns the cause without the file's name.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Guard calls failed for the first error of each file in the directories of a solve; failed must
// end the build. BuildKit's own sender sends an empty file for one that cannot be opened, and after
// a read error it and the daemon wait for each other.
func Guard(opt *client.SolveOpt, options Options, failed func(*FileError)) {
	for mount, files := range opt.LocalMounts {
		opt.LocalMounts[mount] = &guardedFS{FS: files, directory: options.path(mount), failed: failed}
	}
}

type guardedFS struct {
	fsutil.FS
	directory string
	failed    func(*FileError)
}

func (g *guardedFS) fail(name string, err error) error {
	failure := &FileError{Directory: g.directory, Name: name, Cause: err}
	g.failed(failure)
	return failure
}

// Walk reports a directory that cannot be read.
func (g *guardedFS) Walk(ctx context.Context, target string, visit fs.WalkDirFunc) error {
	return g.FS.Walk(ctx, target, func(name string, entry fs.DirEntry, err error) error {
		if err != nil && !errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
			err = visit(name, entry, err) // the daemon's patterns may exclude it
			if err != nil && !errors.Is(err, fs.SkipDir) && !errors.Is(err, fs.SkipAll) {
				return g.fail(name, err)
			}
			return err
		}
		if entry != nil {
			entry = guardedEntry{DirEntry: entry, fs: g, name: name}
		}
		return visit(name, entry, err)
	})
}

// guardedEntry reports a file that cannot be described.
type guardedEntry struct {
	fs.DirEntry
	fs   *guardedFS
	name string
}

// Info returns what the daemon is told of the file. One that is gone by now is left out.
func (e guardedEntry) Info() (fs.FileInfo, error) {
	info, err := e.DirEntry.Info()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, e.fs.fail(e.name, err)
	}
	return info, err
}

// Open always succeeds, since after an error the daemon would receive an empty file; the first read
// fails.
func (g *guardedFS) Open(name string) (io.ReadCloser, error) {
	file, err := g.FS.Open(name)
	if err != nil {
		return unreadable{g.fail(name, err)}, nil
	}
	return &guardedFile{ReadCloser: file, fs: g, name: name}, nil
}

type guardedFile struct {
	io.ReadCloser
	fs   *guardedFS
	name string
}

func (f *guardedFile) Read(b []byte) (int, error) {
	n, err := f.ReadCloser.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = f.fs.fail(f.name, err)
	}
	return n, err
}

// Stat describes the file if it is one of this machine.
func (f *guardedFile) Stat() (fs.FileInfo, error) {
	if file, ok := f.ReadCloser.(fs.File); ok {
		return file.Stat()
	}
	return nil, errors.ErrUnsupported
}

type unreadable struct{ err error }

func (u unreadable) Read([]byte) (int, error) { return 0, u.err }

func (u unreadable) Close() error { return nil }
