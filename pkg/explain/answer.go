package explain

import (
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
)

// explainAnswer adds nothing to an answer to --call: it says itself what is wrong.
func explainAnswer(err error) (Report, bool) {
	var (
		status *result.StatusError
		broken *result.BrokenError
	)
	if errors.As(err, &status) {
		return Report{Code: CodeFailed}, true
	}
	if errors.As(err, &broken) {
		return Report{Text: err.Error(), Code: CodeFailed}, true
	}
	return Report{}, false
}

// explainCheckup leaves the remedies to the checks, which have told them.
func explainCheckup(err error) (Report, bool) {
	var checks *checkup.FailedError
	if !errors.As(err, &checks) {
		return Report{}, false
	}
	return Report{Text: checks.Error(), Code: checks.Code}, true
}
