package safefile

import (
	"os"
	"strings"

	"github.com/containerd/continuity/sysx"
	"golang.org/x/sys/unix"
)

// keepAttributes gives the file the extended attributes of the one that it replaces.
func keepAttributes(file *os.File, former string) error {
	for _, name := range attributes(former) {
		value, err := sysx.LGetxattr(former, name)
		if err != nil {
			return err
		}
		if err := unix.Fsetxattr(int(file.Fd()), name, value, 0); err != nil {
			return err
		}
	}
	return nil
}

// attributes lists the extended attributes of a file, but for those that writing to it takes away.
func attributes(path string) (kept []string) {
	names, err := sysx.LListxattr(path)
	if err != nil {
		return nil
	}
	for _, name := range names {
		switch {
		case name == "security.capability", name == "security.ima", name == "security.evm", strings.HasPrefix(name, "trusted."):
		default:
			kept = append(kept, name)
		}
	}
	return kept
}
