package buildcontext

import (
	"path"
	"path/filepath"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// Affinity returns a text that is equal for builds that share most of their steps, in any working
// directory: those of one Dockerfile in one source. The Dockerfile is named as --file does; the one
// that every context has adds nothing. It opens nothing.
//
// The stage to build is left out, since stages of one file stand on each other. Two files of
// one source seldom do: users of one repository with many of them spread over all members.
func (s Source) Affinity(dockerfile string, env Environment) string {
	name := s.dockerfileName(dockerfile, env)
	if name == "" || name == defaultDockerfile {
		return s.Identity
	}
	return s.Identity + "\x00" + name
}

// dockerfileName is relative to the source where the Dockerfile is within it.
func (s Source) dockerfileName(typed string, env Environment) string {
	switch {
	case typed == "", typed == stdin:
		return typed
	case isURL(typed):
		return address(typed)
	case s.Kind != Directory && !filepath.IsAbs(env.expand(typed)):
		return path.Clean(filepath.ToSlash(typed)) // in the remote source
	}
	file := env.path(typed)
	if safefile.IsPipe(file) {
		return stdin // its name is another one each time
	}
	file = filepath.Join(safefile.RealPath(filepath.Dir(file)), filepath.Base(file))
	if below, err := filepath.Rel(s.Identity, file); s.Kind == Directory && err == nil && filepath.IsLocal(below) {
		return filepath.ToSlash(below)
	}
	return file
}
