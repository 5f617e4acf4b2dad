package safefile

import (
	"os"
	"path/filepath"
)

// BeginsAtHome reports whether the path is ~, or one below it.
func BeginsAtHome(path string) bool {
	return path == "~" || len(path) > 1 && path[0] == '~' && os.IsPathSeparator(path[1])
}

// Expand returns the path with the home directory in place of a leading ~. A path that begins otherwise, e.g. with the name
// of a user or with ./~, and any path if the home directory is not known, stays as it is.
func Expand(path, home string) string {
	if home == "" || !BeginsAtHome(path) {
		return path
	}
	return filepath.Join(home, path[1:])
}
