//go:build unix

package buildcontext

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/containerd/continuity/sysx"
	"github.com/tonistiigi/fsutil/types"
	"golang.org/x/sys/unix"
)

// inode identifies a file, whatever its names.
type inode struct{ device, number uint64 }

func inodeOf(info fs.FileInfo) inode {
	raw, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}
	}
	return inode{uint64(raw.Dev), raw.Ino} //nolint:unconvert // differs between systems
}

func systemMode(mode fs.FileMode) fs.FileMode { return mode }

// describeInode sets the numbers of a device, and the first name of a file with several hard links.
func (e *dirEntry) describeInode(stat *types.Stat) {
	raw, ok := e.info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	stat.Uid, stat.Gid = raw.Uid, raw.Gid
	if e.info.IsDir() {
		return
	}
	if e.info.Mode()&fs.ModeDevice != 0 {
		stat.Devmajor, stat.Devminor = int64(unix.Major(uint64(raw.Rdev))), int64(unix.Minor(uint64(raw.Rdev))) //nolint:unconvert // differs between systems
	}
	if raw.Nlink < 2 {
		return
	}
	id := inodeOf(e.info)
	if first, again := e.links[id]; again {
		stat.Linkname, stat.Size = first, 0
		return
	}
	e.links[id] = filepath.ToSlash(e.name)
}

// describeAttributes reads the extended attributes, except those that macOS reserves.
func (e *dirEntry) describeAttributes(stat *types.Stat) error {
	names, err := sysx.LListxattr(e.path())
	if err != nil {
		if errors.Is(err, syscall.ENOTSUP) || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return &fs.PathError{Op: "reading the extended attributes of", Path: e.name, Err: err}
	}
	for _, name := range names {
		if strings.HasPrefix(name, "com.apple.") {
			continue
		}
		value, err := sysx.LGetxattr(e.path(), name)
		if err != nil {
			continue // it was removed, or the user may not read it
		}
		if stat.Xattrs == nil {
			stat.Xattrs = map[string][]byte{}
		}
		stat.Xattrs[name] = value
	}
	return nil
}
