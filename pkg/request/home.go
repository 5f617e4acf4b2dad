package request

import (
	"os/user"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// home is the user's home directory, "" if it is not known.
func (e Environment) home() string {
	if home, _ := e.LookupEnv("HOME"); home != "" {
		return home
	}
	known, err := user.Current()
	if err != nil {
		return ""
	}
	return known.HomeDir
}

// expand replaces a leading ~, which shells leave alone after the = of a value, by the home directory. Every path that the
// user names goes through here: with absolute, or with the environment of a context.
func (e Environment) expand(path string) string {
	if !safefile.BeginsAtHome(path) {
		return path
	}
	return safefile.Expand(path, e.home())
}
