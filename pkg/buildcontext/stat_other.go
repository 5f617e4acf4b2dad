//go:build !unix

package buildcontext

import (
	"io/fs"

	"github.com/tonistiigi/fsutil/types"
)

type inode struct{}

func inodeOf(fs.FileInfo) inode { return inode{} }

// systemMode returns the mode with all executable bits, which Windows does not have.
func systemMode(mode fs.FileMode) fs.FileMode { return mode&^0o777 | (mode.Perm()|0o111)&0o755 }

func (e *dirEntry) describeInode(*types.Stat) {}

func (e *dirEntry) describeAttributes(*types.Stat) error { return nil }
