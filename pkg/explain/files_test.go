package explain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
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
		{&fs.PathError{Op: "opening", Path: "a", Err: syscall.ENAMETOOLONG}, "use a shorter path"},
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

// A path that the system refuses is not there to be created, nor to be made readable.
func TestPathsThatTheSystemRefuses(t *testing.T) {
	_, err := os.Open(strings.Repeat("a/", 3000))
	refused := map[error]string{
		err: "use a shorter path", syscall.ELOOP: "correct the link", syscall.EACCES: "name a path that this user may use",
		syscall.EROFS: "name a path on a file system that can be written to",
	}
	for cause, next := range refused {
		for _, known := range []string{"", "create it first"} {
			wrong := Error(&usage.Error{What: "--file", Value: "a", Reason: cause.Error(), Next: known})
			unwritten := Error(&safefile.UnwritableError{Path: "a", Reason: cause.Error(), Next: known, Cause: cause})
			if wrong.Code != CodeUsage || !strings.HasPrefix(wrong.Next, next) || unwritten.Code != CodeFailed || unwritten.Next != wrong.Next {
				t.Errorf("%v: %+v, %+v", cause, wrong, unwritten)
			}
		}
	}
	for known, next := range map[string]string{"": "check the path", "name a file": "name a file"} {
		if got := Error(&usage.Error{What: "--file", Value: "a", Reason: syscall.ENOTDIR.Error(), Next: known}); !strings.HasPrefix(got.Next, next) {
			t.Errorf("not a directory: %+v", got)
		}
	}
}

// A limit of this machine is not the fault of the file or the host that met it.
func TestSpentResources(t *testing.T) {
	const more, space = "ulimit -n", "free space there"
	for _, c := range []struct {
		err  error
		next string
	}{
		{&upload.FileError{Directory: "context", Name: "a", Cause: &fs.PathError{Op: "opening", Path: "a", Err: syscall.EMFILE}}, more},
		{&kube.UnreachableError{Err: fmt.Errorf("dial: %w", os.NewSyscallError("socket", syscall.EMFILE))}, more},
		{&registryauth.UnreachableError{Host: "r.io", Cause: syscall.ENFILE}, more},
		{&registryauth.StoreError{Host: "r.io", Cause: &safefile.UnwritableError{Cause: syscall.ENOSPC}}, space},
		{&registryauth.StoreError{Host: "r.io", Cause: syscall.EDQUOT}, space},
		{&registryauth.StoreError{Host: "r.io", Cause: fs.ErrPermission}, "check the permissions there"},
		{safefile.Unwritten("a", syscall.ENOSPC), space},
	} {
		if report := Error(c.err); !strings.Contains(report.Next, c.next) {
			t.Errorf("%v: %q", c.err, report.Next)
		}
	}
}
