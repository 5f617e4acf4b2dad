package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// directoryName is what the directory is called under the user's runtime directory.
const directoryName = "kubectl-buildkit"

// NamedPath is the path that --listen names, as unix://PATH or PATH; empty without one.
func NamedPath(listen string) (string, error) {
	scheme, path, found := strings.Cut(listen, "://")
	switch {
	case listen == "":
		return "", nil
	case !found:
		path = listen
	case scheme == "tcp":
		return "", &usage.Error{
			What: "--listen", Value: listen, Reason: "a port would let every user and every web page of this machine build with your rights",
			Next: "use --listen unix://PATH; what cannot speak to a socket may go through socat",
		}
	case scheme != "unix":
		return "", &usage.Error{What: "--listen", Value: listen, Reason: "there are only unix sockets", Next: "write unix://PATH"}
	}
	if path == "" {
		return "", &usage.Error{What: "--listen", Value: listen, Reason: "it names no path", Next: "write unix://PATH"}
	}
	return path, nil
}

// Directory is where this user's sockets belong, and makes it for the user alone: kubectl-buildkit
// under $XDG_RUNTIME_DIR, or kubectl-buildkit-UID under the directory for temporary files where
// that is not set, or it is another user's, as after su.
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

// TemporaryPath is the path for the socket of one command, in a directory that is made for it. The
// function removes the directory, once the socket is removed.
func TemporaryPath(lookupEnv func(string) (string, bool)) (path string, remove func(), err error) {
	directory, err := Directory(lookupEnv)
	if err != nil {
		return "", nil, err
	}
	if directory, err = os.MkdirTemp(directory, ""); err != nil {
		return "", nil, fmt.Errorf("making a directory for the socket: %w", err)
	}
	return filepath.Join(directory, "buildkit.sock"), func() { _ = os.Remove(directory) }, nil
}

// LastingPath is the same path every time for a builder of this name, in this cluster and
// namespace. The path of a socket is short: what distinguishes clusters and namespaces is a hash.
func LastingPath(lookupEnv func(string) (string, bool), name, host, namespace string) (string, error) {
	directory, err := Directory(lookupEnv)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(host + "\x00" + namespace + "\x00" + name))
	return filepath.Join(directory, name[:min(len(name), 20)]+"-"+hex.EncodeToString(sum[:4])+".sock"), nil
}

// noDirectory is the error of a directory that sockets are not put into, which no flag names.
func noDirectory(path, reason string) error {
	return &usage.Error{
		What: "directory of the socket", Value: path, Reason: reason,
		Next: "name a path with --listen unix://PATH, or a directory that exists with $TMPDIR",
	}
}

// private makes the directory if there is none. Another user may have put one there first, to read
// along.
func private(path string) (string, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !os.IsExist(err) {
		return "", noDirectory(path, reasonOf(err))
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", noDirectory(path, reasonOf(err))
	}
	if !info.IsDir() || !owned(info) || exposed(info) || readable(info) {
		return "", noDirectory(path, "it is not a directory that is this user's alone (mode 0700)")
	}
	return path, nil
}
