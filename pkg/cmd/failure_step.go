package cmd

import (
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// explainStep adds where the log of a failed step is kept.
func explainStep(err error) (failure, bool) {
	var failed *driver.BuildError
	var step *solve.FailedStepError
	if !errors.As(err, &failed) || !errors.As(err, &step) || failed.Ref == "" {
		return failure{}, false
	}
	next := fmt.Sprintf("kubectl buildkit history logs %s -n %s", failed.Ref, failed.Member.Namespace)
	if failed.Member.Builder != builder.DefaultName {
		next += " --builder " + failed.Member.Builder
	}
	return failure{text: err.Error(), next: next, code: exitFailed}, true
}
