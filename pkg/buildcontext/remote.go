package buildcontext

import (
	"strings"

	"github.com/moby/buildkit/client/llb"
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

// dockerfileFromURL leaves the fetching of the Dockerfile to the daemon, as an
// input of the frontend.
func (c *Context) dockerfileFromURL(url string) {
	c.inputs = map[string]llb.State{
		dockerfileMount: llb.HTTP(url, llb.Filename(defaultDockerfile), llb.WithCustomName("[internal] load "+url)),
	}
	c.attrs[filenameAttr] = defaultDockerfile
}

// fetchedTwice refuses what the frontend cannot do: inputs go with a context
// that is sent from here only.
func fetchedTwice(url string) error {
	return &InvalidError{
		Flag: "--file", Value: url, Reason: "the context is not on this machine, so the Dockerfile cannot be named by a URL",
		Next: "fetch it first, and name the file by its absolute path or pipe it into --file -",
	}
}
