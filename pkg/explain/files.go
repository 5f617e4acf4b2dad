package explain

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

// explainFiles is for files of this machine that cannot be read, and results that could not be
// written here.
func explainFiles(err error) (Report, bool) {
	var (
		privileged *safefile.PrivilegedError
		unwritable *safefile.UnwritableError
		unread     *upload.FileError
	)
	switch {
	case errors.As(err, &unread) && errors.Is(unread, syscall.ENAMETOOLONG):
		return Report{Text: err.Error(), Next: shorterPath + "; or exclude it with .dockerignore"}, true
	case errors.As(err, &unread) && changedMeanwhile(unread):
		return Report{
			Text: err.Error(),
			Next: "it was removed or replaced during the build: build again when no program changes the directory, or exclude the file with .dockerignore",
		}, true
	case errors.As(err, &unread):
		return Report{Text: err.Error(), Next: "make it readable, or exclude it with .dockerignore"}, true
	case errors.As(err, &privileged):
		return Report{
			Text: err.Error(), Next: "write an archive with -o type=tar,dest=FILE, or add special=true to --output type=local to create it",
		}, true
	case errors.As(err, &unwritable):
		return Report{Text: err.Error(), Next: unwritable.Next}, true
	}
	return Report{}, false
}

// shorterPath is for a path that the system refuses.
const shorterPath = "use a shorter path: a system allows about 4,000 bytes, counted from the root directory, and 255 for each name in it"

// spent reports whether a disk of this machine has no space left, or its user no quota.
func spent(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// tooManyFiles reports whether the process, or this machine, may open no more files, which is not
// the fault of the file that it was to open.
func tooManyFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// changedMeanwhile reports whether the file was a regular file when its directory was listed.
func changedMeanwhile(unread *upload.FileError) bool {
	var (
		kind   *safefile.NotRegularError
		leaves *safefile.LeavesError
	)
	return errors.Is(unread, fs.ErrNotExist) || errors.Is(unread, syscall.ESTALE) || errors.As(unread, &kind) || errors.As(unread, &leaves)
}
