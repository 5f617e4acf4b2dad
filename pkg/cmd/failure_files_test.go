package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

func TestResultsThatCannotBeWritten(t *testing.T) {
	for want, err := range map[string]error{
		"special=true": fmt.Errorf("writing %q: %w", "out", &safefile.PrivilegedError{Path: "dev/null"}),
		"name a file":  errors.Join(&safefile.UnwritableError{Path: "a", Reason: "it is a directory", Next: "name a file"}),
	} {
		told := explain(t.Context(), err)
		if told.code != exitFailed || !strings.Contains(told.next, want) || told.text != err.Error() {
			t.Errorf("got %+v", told)
		}
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	for next, cause := range map[string]error{"exclude it with .dockerignore": fs.ErrPermission, "removed during the build": fs.ErrNotExist} {
		err := &upload.FileError{Mount: "context", Name: "a", Cause: &fs.PathError{Op: "opening", Path: "a", Err: cause}}
		told := explain(t.Context(), err)
		if told.code != exitFailed || !strings.Contains(told.next, next) || told.text != `reading "a" of the directory "context": `+cause.Error() {
			t.Errorf("got %+v", told)
		}
	}
}
