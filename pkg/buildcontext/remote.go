package buildcontext

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
)

// isRemote says whether the daemon is to fetch the context: an http or https
// URL, or anything the Dockerfile frontend takes as a git reference.
func isRemote(name string) bool {
	if isURL(name) {
		return true
	}
	_, isGit, _ := dfgitutil.ParseGitRef(name)
	return isGit
}

func isURL(name string) bool {
	return strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
}

// hasQuery says whether a git reference carries ?key=value pairs, which old
// frontends would take for a part of the path.
func hasQuery(ref string) bool {
	before, _, _ := strings.Cut(ref, "#")
	return strings.Contains(before, "?")
}
