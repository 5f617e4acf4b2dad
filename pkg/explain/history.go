package explain

import (
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
)

func explainHistory(err error) (Report, bool) {
	var (
		ambiguous *history.AmbiguousError
		missing   *history.NotFoundError
	)
	switch {
	case errors.As(err, &ambiguous):
		return Report{Text: ambiguous.Error(), Next: "give more of the reference", Code: CodeUsage}, true
	case errors.As(err, &missing) && missing.Records == 0:
		return Report{Text: err.Error(), Next: "build something first: kubectl buildkit build .", Code: CodeFailed}, true
	case errors.As(err, &missing):
		return Report{Text: err.Error(), Next: "kubectl buildkit history list, which shows the builds there are", Code: CodeFailed}, true
	}
	return Report{}, false
}
