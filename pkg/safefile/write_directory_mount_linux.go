package safefile

import (
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// isMount reports whether something is mounted on the path.
func isMount(path string) bool {
	var stat unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_TYPE, &stat)
	if err == nil && stat.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return stat.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
	}
	return otherDevice(path) // kernels before 5.8
}

func otherDevice(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	parent, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return false
	}
	own, ok := info.Sys().(*syscall.Stat_t)
	above, alsoOK := parent.Sys().(*syscall.Stat_t)
	return ok && alsoOK && own.Dev != above.Dev
}

// removeCapability takes from a file what makes it run with rights of root, and
// reports whether it had that.
func removeCapability(path string) bool {
	const capability = "security.capability"
	if os.Geteuid() != 0 {
		return false // only root could have given it
	}
	size, err := unix.Lgetxattr(path, capability, nil)
	if err != nil || size == 0 {
		return false
	}
	return unix.Lremovexattr(path, capability) == nil
}
