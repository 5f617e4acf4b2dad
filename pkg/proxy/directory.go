package proxy

import (
	"fmt"
	"os"
	"path/filepath"
)

// directoryName is what the directory is called under the user's runtime directory.
const directoryName = "kubectl-buildkit"

// Directory is where this user's sockets belong, and makes it for the user alone: kubectl-buildkit under
// $XDG_RUNTIME_DIR, or kubectl-buildkit-UID under the directory for temporary files where that is not set, or
// it is another user's, as after su.
func Directory(lookupEnv func(string) (string, bool)) (string, error) {
	if runtime, _ := lookupEnv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		if info, err := os.Stat(runtime); err == nil && owned(info) {
			return private(filepath.Join(runtime, directoryName))
		}
	}
	temporary, ok := lookupEnv("TMPDIR")
	if !ok || temporary == "" {
		temporary = os.TempDir()
	}
	return private(filepath.Join(temporary, fmt.Sprintf("%s-%d", directoryName, os.Getuid())))
}

// private makes the directory if there is none. Another user may have put one there first, to read along.
func private(path string) (string, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !os.IsExist(err) {
		return "", unusable(path, reasonOf(err))
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", unusable(path, reasonOf(err))
	}
	if !info.IsDir() || !owned(info) || exposed(info) || readable(info) {
		return "", unusable(path, "it is not a directory that is this user's alone (mode 0700)")
	}
	return path, nil
}
