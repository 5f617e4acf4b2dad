//go:build unix

package registryauth

import (
	"os"
	"syscall"
)

// keepOwner gives the new file the owner of the old one: who logs in with sudo
// must not lose their own config.
func keepOwner(old, fresh string) {
	info, err := os.Stat(old)
	if err != nil {
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = os.Chown(fresh, int(stat.Uid), int(stat.Gid)) // only root may, and only then it matters
	}
}
