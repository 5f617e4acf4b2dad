package proxy

import (
	"fmt"
	"os"
	"path/filepath"
)

// folderName is what the folder is called under the user's runtime directory.
const folderName = "kubectl-buildkit"

// Folder is where this user's sockets belong, and makes it for the user alone: kubectl-buildkit under
// $XDG_RUNTIME_DIR, or kubectl-buildkit-UID under the folder for temporary files where there is no such directory, or
// it is another user's, as after su.
func Folder(lookupEnv func(string) (string, bool)) (string, error) {
	if runtime, _ := lookupEnv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		if info, err := os.Stat(runtime); err == nil && owned(info) {
			return private(filepath.Join(runtime, folderName))
		}
	}
	temporary, ok := lookupEnv("TMPDIR")
	if !ok || temporary == "" {
		temporary = os.TempDir()
	}
	return private(filepath.Join(temporary, fmt.Sprintf("%s-%d", folderName, os.Getuid())))
}

// private makes the folder if there is none. Somebody else may have put one there first, to read along.
func private(path string) (string, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !os.IsExist(err) {
		return "", &SocketError{Path: path, Reason: reasonOf(err)}
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", &SocketError{Path: path, Reason: reasonOf(err)}
	}
	if !info.IsDir() || !owned(info) || exposed(info) || readable(info) {
		return "", &SocketError{Path: path, Reason: "it is not a folder that is this user's alone (mode 0700)"}
	}
	return path, nil
}
