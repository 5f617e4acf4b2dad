package explain

import (
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
)

// explainAnswer adds nothing to an answer to --call: it says itself what is wrong.
func explainAnswer(err error) (Report, bool) {
	var status *result.StatusError
	return Report{}, errors.As(err, &status)
}
