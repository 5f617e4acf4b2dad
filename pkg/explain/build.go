package explain

import (
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// explainBuild is about a daemon that a build cannot use.
func explainBuild(err error) (Report, bool) {
	var (
		lost        *solve.LostError
		mismatch    *solve.TLSError
		unsupported *solve.UnsupportedError
	)
	switch {
	case errors.As(err, &lost):
		return Report{Text: err.Error(), Next: "kubectl buildkit list, to see whether the builder is there"}, true
	case errors.As(err, &mismatch):
		return Report{Text: err.Error(), Next: "kubectl buildkit install, which makes certificates and daemon fit again"}, true
	case errors.As(err, &unsupported):
		return Report{Text: err.Error(), Next: "kubectl buildkit install, which brings the daemon up to this plugin's version"}, true
	}
	return Report{}, false
}

// explainQueue is about a build whose turn did not come.
func explainQueue(err error) (Report, bool) {
	var failed *driver.BuildError
	var timeout *solve.QueueTimeoutError
	if !errors.As(err, &timeout) {
		return Report{}, false
	}
	next := "build again with a longer --queue-timeout"
	if errors.As(err, &failed) {
		next += fmt.Sprintf(", or see what runs: kubectl buildkit history list %s -n %s --filter status=running", failed.Member.Builder, failed.Member.Namespace)
	}
	return Report{Text: err.Error(), Next: next}, true
}

// explainStep adds where the log of a failed step is kept.
func explainStep(err error) (Report, bool) {
	var failed *driver.BuildError
	var step *solve.FailedStepError
	if !errors.As(err, &failed) || !errors.As(err, &step) || failed.Ref == "" {
		return Report{}, false
	}
	if failed.Member.Ephemeral { // its history goes with it
		return Report{Text: err.Error()}, true
	}
	next := fmt.Sprintf("kubectl buildkit history logs %s %s", failed.Ref, Named(failed.Member.Builder, failed.Member.Namespace))
	return Report{Text: err.Error(), Next: next}, true
}

// explainAnswer adds nothing to the result of --call, which reports itself what is wrong.
func explainAnswer(err error) (Report, bool) {
	var status *result.StatusError
	return Report{}, errors.As(err, &status)
}

// explainHistory is about records of builds.
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
