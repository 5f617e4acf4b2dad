package buildcontext

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// sharedKey names a directory of this user on this machine, the same for every
// build: under it the daemon keeps what was sent, so that only the differences
// travel next time. Since it compares size and time only, two machines must
// never have the same key.
func sharedKey(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{machine(), owner(), dir}, "\x00")))
	return filepath.Base(dir) + ":" + hex.EncodeToString(sum[:16])
}

// machine takes the name and the identity: images of containers often carry the
// same identity, and names are often the same too.
func machine() string {
	name, err := os.Hostname()
	if err != nil {
		name = ""
	}
	id, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		return name
	}
	return name + " " + strings.TrimSpace(string(id))
}

func owner() string {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	return strconv.Itoa(os.Getuid()) + " " + home
}
