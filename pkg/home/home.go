// Package home finds the user's home directory, for files that may hold credentials or name programs. It knows no such
// file.
package home

import (
	"os/user"
	"path/filepath"
	"runtime"
)

// Directory returns the absolute path of the home directory: that of the environment, or the one the system has for the
// user if the environment names none or a relative one. It is "" if neither is known, e.g. for a user ID without an
// account in a container. It never is relative: a path below it would be one of the working directory, which may be a
// checkout of a stranger's repository.
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
