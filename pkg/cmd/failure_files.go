package cmd

import (
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// explainFiles is for results that could not be written on this machine.
func explainFiles(err error) (failure, bool) {
	var (
		privileged *safefile.PrivilegedError
		unwritable *safefile.UnwritableError
	)
	switch {
	case errors.As(err, &privileged):
		return failure{
			text: err.Error(), next: "write an archive with -o type=tar,dest=FILE, or add special=true to --output type=local to create it", code: exitFailed,
		}, true
	case errors.As(err, &unwritable):
		return failure{text: err.Error(), next: unwritable.Next, code: exitFailed}, true
	}
	return failure{}, false
}
