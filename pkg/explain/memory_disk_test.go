package explain

import (
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

func TestShortages(t *testing.T) {
	ours := cluster.Member{Builder: "team", Namespace: "ns", Pod: "team-0", MemoryLimit: "256Mi"}
	adopted, unlimited := ours, ours
	adopted.Adopted, unlimited.MemoryLimit = true, ""
	step := func(code int) error {
		return &solve.FailedStepError{Step: "RUN make", ExitCode: code, Cause: errors.New("it ended")}
	}
	full := &solve.FullDiskError{Cause: errors.New("write /x: no space left on device")}
	for name, test := range map[string]struct {
		member cluster.Member
		err    error
		code   int
		says   []string // in text and next step
		not    string
	}{
		"killed":                      {ours, step(137), CodeFailed, []string{"RUN make", "256Mi", "kubectl buildkit install team -n ns", "--limit memory"}, ""},
		"killed in another's builder": {adopted, step(137), CodeFailed, []string{"256Mi", "Pod team-0"}, "install"},
		"killed without a limit":      {unlimited, step(137), CodeFailed, []string{"RUN make"}, "--limit"},
		"failed":                      {ours, step(1), CodeFailed, []string{"RUN make"}, "--limit"},
		"full":                        {ours, full, CodeNoBuilder, []string{`the disk of builder "team" is full`, "/x", "prune team -n ns", "--storage", "ephemeral-storage"}, ""},
		"full, and another's builder": {adopted, full, CodeNoBuilder, []string{"prune team"}, "install"},
	} {
		t.Run(name, func(t *testing.T) {
			report := Error(&driver.BuildError{Member: test.member, Err: test.err})
			all := report.Text + "\n" + report.Next
			for _, part := range test.says {
				if !strings.Contains(all, part) {
					t.Errorf("%q does not say %q", all, part)
				}
			}
			if report.Code != test.code || test.not != "" && strings.Contains(all, test.not) {
				t.Errorf("code %d, %q", report.Code, all)
			}
		})
	}
}
