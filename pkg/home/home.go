// Package home finds the user's home directory, for files that may hold credentials or name
// programs, and the paths that begin with a ~. It knows no such file. It also finds the user's
// name.
package home

import (
	"os"
	"os/user"
	"path/filepath"
	"runtime"
)

// Directory returns the absolute path of the home directory: that of the environment, or the one
// the system has for the user if the environment names none or a relative one. It is "" if neither
// is known, e.g. for a user ID without an account in a container. It never is relative: a path
// below it would be one of the working directory, which may be a checkout of a stranger's
// repository.
func Directory(lookupEnv func(string) (string, bool)) string {
	name := "HOME"
	if runtime.GOOS == "windows" {
		name = "USERPROFILE"
	}
	if dir, _ := lookupEnv(name); filepath.IsAbs(dir) {
		return dir
	}
	account, err := user.Current()
	if err != nil || !filepath.IsAbs(account.HomeDir) {
		return ""
	}
	return account.HomeDir
}

// User returns the name of the user: that of the environment, or the one the system has. It is
// "unknown" if neither is known.
func User(lookupEnv func(string) (string, bool)) string {
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		if value, _ := lookupEnv(name); value != "" {
			return value
		}
	}
	account, err := user.Current()
	if err != nil || account.Username == "" {
		return "unknown"
	}
	return account.Username
}

// Named reports whether the path is ~, or one below it.
func Named(path string) bool {
	return path == "~" || len(path) > 1 && path[0] == '~' && os.IsPathSeparator(path[1])
}

// Expand returns the path with the home directory in place of a leading ~. A path that begins
// otherwise, e.g. with the name of a user or with ./~, and any path if the home directory is not
// known, stays as it is.
func Expand(path, home string) string {
	if home == "" || !Named(path) {
		return path
	}
	return filepath.Join(home, path[1:])
}
