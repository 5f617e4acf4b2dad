package explain

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

func TestResultsThatCannotBeWritten(t *testing.T) {
	for want, err := range map[string]error{
		"special=true": fmt.Errorf("writing %q: %w", "out", &safefile.PrivilegedError{Path: "dev/null"}),
		"name a file":  errors.Join(&safefile.UnwritableError{Path: "a", Reason: "it is a directory", Next: "name a file"}),
	} {
		report := Error(err)
		if report.Code != CodeFailed || !strings.Contains(report.Next, want) || report.Text != err.Error() {
			t.Errorf("got %+v", report)
		}
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	const replaced = "removed or replaced during the build"
	for _, c := range []struct {
		cause error
		next  string
	}{
		{&fs.PathError{Op: "opening", Path: "a", Err: fs.ErrPermission}, "exclude it with .dockerignore"},
		{&fs.PathError{Op: "reading", Path: "a", Err: syscall.EIO}, "exclude it with .dockerignore"},
		{&fs.PathError{Op: "opening", Path: "a", Err: fs.ErrNotExist}, replaced},
		{&fs.PathError{Op: "reading", Path: "a", Err: syscall.ESTALE}, replaced},
		{&safefile.DanglingError{Name: "a", Target: "b"}, replaced},
		{&safefile.LeavesError{Name: "a", Target: "/b", Dir: "/c"}, replaced},
		{&safefile.NotRegularError{Name: "a", Mode: fs.ModeNamedPipe}, replaced},
	} {
		reason := c.cause
		var path *fs.PathError
		if errors.As(c.cause, &path) {
			reason = path.Err
		}
		report := Error(&upload.FileError{Directory: "context", Name: "a", Cause: c.cause})
		if report.Code != CodeFailed || !strings.Contains(report.Next, c.next) || report.Text != `reading "a" of the directory "context": `+reason.Error() {
			t.Errorf("got %+v", report)
		}
	}
}
