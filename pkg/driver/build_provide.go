package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
)

// Provide makes a builder that is missing. It is passed why no builder can be used, and returns
// that error where it does nothing; installed is set if it has made a builder that was not there.
type Provide func(ctx context.Context, why error) (installed bool, err error)

// connectOrProvide connects to the builder of a build, which is provided first where it is missing,
// and made where the build gets its own; the options then name that.
func (d *Driver) connectOrProvide(ctx context.Context, o *BuildOptions, credentials *registryauth.Provider) (*Connection, error) {
	if o.Ephemeral != nil {
		return d.connectOwn(ctx, o, trusting(credentials))
	}
	connect := func(ctx context.Context) (*Connection, error) {
		return d.connect(ctx, o.Connect, trusting(credentials))
	}
	within := retryPolicy{}
	if o.Retries > 0 {
		within.within = min(o.RetryTimeout, startTimeout)
	}
	c, err := retry(ctx, within, d.noteUnreachable(startTimeout), connect)
	if err == nil || ctx.Err() != nil || o.Provide == nil || o.Connect.Member != "" && o.Connect.Member != o.Connect.Builder {
		return c, err
	}
	installed, err := o.Provide(ctx, err)
	if err != nil {
		return nil, err
	}
	if c, err = connect(ctx); err == nil {
		c.installed = installed
	}
	return c, err
}

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
