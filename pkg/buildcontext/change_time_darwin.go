package buildcontext

import (
	"io/fs"
	"syscall"
)

// changeTime returns the ctime of the file, in nanoseconds. Programs can set the modification time
// to any value; only the kernel sets this one.
func changeTime(info fs.FileInfo) (at int64, known bool) {
	raw, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return raw.Ctimespec.Nano(), true
}
