package cmd

import (
	"errors"
	"io/fs"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

// explainFiles is for files of this machine that cannot be read, and results that could not be written here.
func explainFiles(err error) (failure, bool) {
	var (
		privileged *safefile.PrivilegedError
		unwritable *safefile.UnwritableError
		unread     *upload.FileError
	)
	switch {
	case errors.As(err, &unread) && errors.Is(err, fs.ErrNotExist):
		return failure{text: err.Error(), next: "it was removed during the build: build again when nothing changes the directory", code: exitFailed}, true
	case errors.As(err, &unread):
		return failure{text: err.Error(), next: "make it readable, or exclude it with .dockerignore", code: exitFailed}, true
	case errors.As(err, &privileged):
		return failure{
			text: err.Error(), next: "write an archive with -o type=tar,dest=FILE, or add special=true to --output type=local to create it", code: exitFailed,
		}, true
	case errors.As(err, &unwritable):
		return failure{text: err.Error(), next: unwritable.Next, code: exitFailed}, true
	}
	return failure{}, false
}
