package buildcontext

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// sendAgain marks a file in the list that the daemon receives. The daemon compares the mode with
// that of its own file, in which this bit is never set, so it requests the content; the bit is
// neither written nor in a checksum.
const sendAgain = uint32(fs.ModeTemporary)

// directory is a directory of the user as BuildKit's session sends it: links are sent as links, and
// only regular files are opened.
type directory struct {
	root *safefile.Root
	// since is the ctime, in nanoseconds, after which a file may have changed unnoticed; nil if it
	// is not known.
	since func() int64
	// observe is called with every listed file and its ctime, in a survey.
	observe func(stat *types.Stat, info fs.FileInfo, changed int64)
}

func openDirectory(dir string) (*directory, error) {
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &directory{root: root}, nil
}

// Open opens a file that is listed as a regular one. A socket is listed as an empty file, as by
// BuildKit's own client: programs leave sockets in checkouts.
func (d *directory) Open(name string) (io.ReadCloser, error) {
	if info, err := d.root.Lstat(name); err == nil && info.Mode()&fs.ModeSocket != 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	return d.root.Open(name)
}

// Walk lists the target and everything below it. It omits files that were removed after their
// directory was read.
func (d *directory) Walk(ctx context.Context, target string, visit fs.WalkDirFunc) error {
	links := map[inode]string{}
	return d.root.Walk(target, func(name string, found fs.DirEntry, walkErr error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if name == "." && walkErr == nil {
			return nil
		}
		var listed fs.DirEntry
		if found != nil {
			entry, err := d.entry(name, found, links)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			listed = entry
		}
		err := visit(name, listed, walkErr)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func (d *directory) entry(name string, found fs.DirEntry, links map[inode]string) (*dirEntry, error) {
	info, err := found.Info()
	if err != nil {
		return nil, err
	}
	e := &dirEntry{dir: d, name: name, info: info, links: links}
	if info.Mode()&fs.ModeSymlink != 0 {
		e.target, err = d.root.Readlink(name)
	}
	return e, err
}

// dirEntry is an entry of a directory. Its properties are read on demand: those of most files that
// a .dockerignore excludes are never read.
type dirEntry struct {
	dir    *directory
	name   string
	info   fs.FileInfo
	target string // of a link
	links  map[inode]string
	stat   *types.Stat
}

func (e *dirEntry) Name() string      { return filepath.Base(e.name) }
func (e *dirEntry) IsDir() bool       { return e.info.IsDir() }
func (e *dirEntry) Type() fs.FileMode { return e.info.Mode().Type() }

func (e *dirEntry) Info() (fs.FileInfo, error) {
	if e.stat == nil {
		stat, err := e.describe()
		if err != nil {
			return nil, err
		}
		e.stat = stat
	}
	return &fsutil.StatInfo{Stat: e.stat.Clone()}, nil
}

// describe returns the same properties as BuildKit's own client.
func (e *dirEntry) describe() (*types.Stat, error) {
	stat := &types.Stat{Path: e.name, Mode: portableMode(e.info.Mode()), ModTime: e.info.ModTime().UnixNano(), Linkname: e.target}
	if !e.info.IsDir() {
		stat.Size = e.info.Size()
	}
	e.describeInode(stat)
	if e.info.Mode()&fs.ModeSymlink != 0 {
		stat.Linkname = e.target // even if the link itself has several hard links
	}
	changed, known := changeTime(e.info)
	if known && e.dir.observe != nil {
		e.dir.observe(stat, e.info, changed)
	}
	if e.dir.observe != nil {
		return stat, nil
	}
	if known && e.dir.since != nil && isDoubtful(stat, changed) && changed > e.dir.since() {
		stat.Mode |= sendAgain
	}
	return stat, e.describeAttributes(stat)
}

// portableMode drops what the daemon cannot store, a socket's bit, as BuildKit's own client does.
func portableMode(mode fs.FileMode) uint32 {
	return uint32(systemMode(mode) &^ fs.ModeSocket)
}

// path returns the entry's path for system calls that do not take an open directory.
func (e *dirEntry) path() string { return filepath.Join(e.dir.root.Dir(), e.name) }

// slashed returns the daemon's form of a name, with slashes.
func slashed(name string) string {
	return strings.Trim(filepath.ToSlash(filepath.Clean(name)), "/")
}
