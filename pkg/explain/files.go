package explain

import (
	"errors"
	"io/fs"
	"strings"
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
		return Report{Text: err.Error(), Next: nextForPath(unwritable.Reason, unwritable.Next)}, true
	}
	return Report{}, false
}

// shorterPath is for a path that the system refuses.
const shorterPath = "use a shorter path: a system allows about 4,000 bytes, counted from the root directory, and 255 for each name in it"

// nextForPath is about a path that the system refuses. Reasons of wrong input are texts that end
// with the system's own. What the package knows, e.g. that a directory must be created, does not
// help with a loop of links, or where the user has no permission; it is returned in the other
// cases.
func nextForPath(reason, known string) string {
	for _, refused := range []struct {
		cause error
		next  string
	}{
		{syscall.ENAMETOOLONG, shorterPath},
		{syscall.ELOOP, "correct the link in this path that leads back to itself, or name another path: ls -l shows where a link leads"},
		{syscall.EACCES, "name a path that this user may use, or have its owner permit it: ls -ld shows the permissions of a file and of each directory above it"},
		{syscall.EROFS, "name a path on a file system that can be written to"},
	} {
		if strings.HasSuffix(reason, refused.cause.Error()) {
			return refused.next
		}
	}
	if known == "" && strings.HasSuffix(reason, syscall.ENOTDIR.Error()) {
		return "check the path: all but its last part must be directories"
	}
	return known
}

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
