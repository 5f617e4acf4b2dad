package driver

import (
	"context"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
)

// Built is what a build has made.
type Built struct {
	*result.Result
	// Evaluation is what the Dockerfile was evaluated for; nil if it was built.
	Evaluation *request.Evaluation
	// TakesStdout is set if the result itself was written to standard output.
	TakesStdout bool
}

// Build is the way of a build: everything is parsed and checked, before any request; then the secrets that are in the
// cluster are read, the registries are asked whether they accept the push, a builder is found, and it builds.
//
// Only files that were asked for are written, and nothing is printed but by the display.
//
// The errors are those of request.New, *SourceError, *PreflightError, those of Connect and of BuildOptions.Provide, and
// *BuildError for what ends a build that has begun, with the errors of solve.Build.Run and *LostError in it. A
// *solve.CacheRefusedError comes with a result.
func (d *Driver) Build(ctx context.Context, o BuildOptions) (*Built, error) {
	o = o.withDefaults()
	req, err := d.request(ctx, o)
	if err != nil {
		return nil, err
	}
	secrets, err := d.readSecrets(ctx, o.Registries, req)
	if err != nil {
		return nil, err
	}
	credentials := o.Credentials.Provider(registryauth.Build{Secrets: secrets, Pushes: req.Pushes(), Images: req.Images()})
	ctx, pushes := startPreflight(ctx, credentials, req, o.Registries.Preflight)
	c, err := d.connectOrProvide(ctx, o, credentials)
	if err != nil {
		return nil, pushes.or(err)
	}
	b := &build{driver: d, options: o, request: req, credentials: credentials, connection: c}
	defer b.close()
	if err := pushes.wait(ctx); err != nil {
		return nil, err
	}
	d.warnOfEmulation(ctx, c, req)
	made, err := b.run(ctx, pushes)
	if made == nil {
		return nil, pushes.or(b.failed(ctx, err))
	}
	return &Built{Result: made, Evaluation: req.Evaluation(), TakesStdout: req.TakesStdout()}, b.finish(ctx, made, err)
}
