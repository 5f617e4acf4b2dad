package explain

import (
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// explainStep adds where the log of a failed step is kept.
func explainStep(err error) (Report, bool) {
	var failed *driver.BuildError
	var step *solve.FailedStepError
	if !errors.As(err, &failed) || !errors.As(err, &step) || failed.Ref == "" {
		return Report{}, false
	}
	next := fmt.Sprintf("kubectl buildkit history logs %s -n %s", failed.Ref, failed.Member.Namespace)
	if failed.Member.Builder != builder.DefaultName {
		next += " --builder " + failed.Member.Builder
	}
	return Report{Text: err.Error(), Next: next}, true
}
