package cmd

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
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
