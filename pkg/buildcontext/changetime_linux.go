package buildcontext

import (
	"io/fs"
	"syscall"
)

// changeTime is when anything about the file changed last, in nanoseconds. Programs set the time of modification as they
// like; this one is the kernel's.
func changeTime(info fs.FileInfo) (at int64, known bool) {
	raw, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return raw.Ctim.Nano(), true
}
