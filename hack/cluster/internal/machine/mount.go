package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

type mount struct {
	target string
	kind   string
}

// Unmount detaches every mount at or below a directory, the newest first.
func Unmount(dir string) error {
	for range 10 { // a mount point can carry several mounts, and hide others
		mounts, err := readMounts()
		if err != nil {
			return err
		}
		mounts = slices.DeleteFunc(mounts, func(m mount) bool { return m.target != dir && !strings.HasPrefix(m.target, dir+"/") })
		if len(mounts) == 0 {
			return nil
		}
		slices.Reverse(mounts)
		for _, mount := range mounts {
			err := syscall.Unmount(mount.target, syscall.MNT_DETACH)
			if err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("unmounting %q: %w", mount.target, err)
			}
		}
	}
	return fmt.Errorf("unmounting below %q: new mounts keep appearing", dir)
}

func readMounts() ([]mount, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	return parseMounts(string(data)), nil
}

// parseMounts reads the format of /proc/self/mountinfo: the target is field five, the file system's type follows the
// separator "-" (optional fields stand before it).
func parseMounts(text string) []mount {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var mounts []mount
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		separator := slices.Index(fields, "-")
		if separator < 5 || separator+1 >= len(fields) {
			continue
		}
		mounts = append(mounts, mount{target: unescape.Replace(fields[4]), kind: fields[separator+1]})
	}
	return mounts
}

func exists(pattern string) bool {
	found, err := filepath.Glob(pattern)
	return err == nil && len(found) > 0
}
