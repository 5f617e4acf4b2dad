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

// sendAgain marks a file in the list that the daemon gets. The daemon compares the mode with that of the file it has,
// and this bit is never set there, so it asks for the content; it is neither written nor in a checksum, so that nothing
// else comes of it.
const sendAgain = uint32(fs.ModeTemporary)

// directory is a directory of the user as BuildKit's session sends it: links stay links, and what is not a regular file is
// listed but never opened.
type directory struct {
	root *safefile.Root
	// since is the time of change, in nanoseconds, after which a file may have changed unnoticed; nil if it is not known.
	since func() int64
	// observe is called with what is listed, and with its change time, if the listing is only for that.
	observe func(stat *types.Stat, info fs.FileInfo, changed int64)
}

func openDirectory(dir string) (*directory, error) {
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &directory{root: root}, nil
}

// Open opens a file that the list has as a regular one. A socket is listed as an empty file, as BuildKit's own client has
// it: programs leave theirs in checkouts.
func (d *directory) Open(name string) (io.ReadCloser, error) {
	if info, err := d.root.Lstat(name); err == nil && info.Mode()&fs.ModeSocket != 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	return d.root.Open(name)
}

// Walk lists the target and all below it. What has gone since its directory was read is left out.
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

func (d *directory) entry(name string, found fs.DirEntry, links map[inode]string) (*entry, error) {
	info, err := found.Info()
	if err != nil {
		return nil, err
	}
	e := &entry{dir: d, name: name, info: info, links: links}
	if info.Mode()&fs.ModeSymlink != 0 {
		e.target, err = d.root.Readlink(name)
	}
	return e, err
}

// entry is an entry of a directory. What the list says of it is found out when it is asked for: most of what a
// .dockerignore leaves out never is.
type entry struct {
	dir    *directory
	name   string
	info   fs.FileInfo
	target string // of a link
	links  map[inode]string
	stat   *types.Stat
}

func (e *entry) Name() string      { return filepath.Base(e.name) }
func (e *entry) IsDir() bool       { return e.info.IsDir() }
func (e *entry) Type() fs.FileMode { return e.info.Mode().Type() }

func (e *entry) Info() (fs.FileInfo, error) {
	if e.stat == nil {
		stat, err := e.describe()
		if err != nil {
			return nil, err
		}
		e.stat = stat
	}
	return &fsutil.StatInfo{Stat: e.stat.Clone()}, nil
}

// describe is what BuildKit's own client says of a file.
func (e *entry) describe() (*types.Stat, error) {
	stat := &types.Stat{Path: e.name, Mode: portableMode(e.info.Mode()), ModTime: e.info.ModTime().UnixNano(), Linkname: e.target}
	if !e.info.IsDir() {
		stat.Size = e.info.Size()
	}
	e.describeInode(stat)
	if e.info.Mode()&fs.ModeSymlink != 0 {
		stat.Linkname = e.target // even if the link itself has several names
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

// isDoubtful reports whether the time of a regular file says nothing about when it was written: it was set, or the file
// was renamed or given another mode later.
func isDoubtful(stat *types.Stat, changed int64) bool {
	return fs.FileMode(stat.Mode).IsRegular() && stat.ModTime != changed
}

// portableMode drops what the daemon cannot store, a socket's bit, as BuildKit's own client does.
func portableMode(mode fs.FileMode) uint32 {
	return uint32(systemMode(mode) &^ fs.ModeSocket)
}

// path is the entry's place for system calls that know no open directory.
func (e *entry) path() string { return filepath.Join(e.dir.root.Dir(), e.name) }

// slashed is a name as the daemon has it.
func slashed(name string) string {
	return strings.Trim(filepath.ToSlash(filepath.Clean(name)), "/")
}
