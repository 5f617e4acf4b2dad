package request

import (
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/home"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// expand replaces a leading ~, which shells leave alone after the = of a value, by the home directory. Every path that the
// user names goes through here: with absolute, or with the environment of a context.
func (e Environment) expand(path string) string {
	if !safefile.BeginsAtHome(path) {
		return path
	}
	return safefile.Expand(path, home.Directory(e.LookupEnv))
}
