package cmd

import (
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
)

func explainHistory(err error) (failure, bool) {
	var (
		ambiguous *history.AmbiguousError
		missing   *history.NotFoundError
	)
	switch {
	case errors.As(err, &ambiguous):
		return failure{text: ambiguous.Error(), next: "give more of the reference", code: exitUsage}, true
	case errors.As(err, &missing) && missing.Records == 0:
		return failure{text: err.Error(), next: "build something first: kubectl buildkit build .", code: exitFailed}, true
	case errors.As(err, &missing):
		return failure{text: err.Error(), next: "kubectl buildkit history list, which shows the builds there are", code: exitFailed}, true
	}
	return failure{}, false
}
