package cmd

import (
	"os"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/home"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// userPath is a path as a flag has it, with the home directory in place of a ~ that the shell left alone.
func userPath(path string) string {
	return safefile.Expand(path, home.Directory(os.LookupEnv))
}
