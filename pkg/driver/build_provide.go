package driver

import (
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// UnrestoredError is returned for a builder that a build may not restore, or not as it was.
type UnrestoredError struct {
	Name, Namespace string
	Cause           error // why the builder cannot be used
	Err             error // a *kube.ForbiddenError or a *install.PartialSettingsError
}

func (e *UnrestoredError) Error() string {
	return fmt.Sprintf("%v; it was not restored: %v", e.Cause, e.Err)
}

func (e *UnrestoredError) Unwrap() error { return e.Cause }

// Class returns fault.Unavailable.
func (*UnrestoredError) Class() fault.Class { return fault.Unavailable }

// Restorable reports whether installing the builder again, with its settings, is what helps.
func Restorable(err error) bool {
	var (
		notReady *cluster.NotReadyError
		expired  *cluster.ExpiredError
	)
	return errors.As(err, &notReady) && (notReady.Reason == cluster.ReasonMissing || notReady.Ended) || errors.As(err, &expired)
}
