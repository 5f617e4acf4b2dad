package explain

import (
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
)

func explainHistory(err error) (Report, bool) {
	var missing *history.NotFoundError
	switch {
	case errors.As(err, &missing) && missing.Records == 0:
		return Report{Text: err.Error(), Next: "build something first: kubectl buildkit build ."}, true
	case errors.As(err, &missing):
		return Report{Text: err.Error(), Next: "kubectl buildkit history list, which shows the builds there are"}, true
	}
	return Report{}, false
}
