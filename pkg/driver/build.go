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

// Build runs a build: everything is parsed and checked, before any request; then the secrets that
// are in the cluster are read, the registries are asked whether they accept the push, a builder is
// found, and it builds.
//
// Only files that were asked for are written, and nothing is printed but by the display.
//
// The error is, before the build, a *usage.Error for the options, a *safefile.UnwritableError for a
// file that is to be written, a *ClusterSecretError, a *PreflightError, a *MissingPlatformError, a
// cluster or connection error, that of BuildOptions.Provide, or one of
// pkg/ephemeral. What ends the build itself is a
// *BuildError, which wraps a *LostError, or why it failed: a *solve.FailedStepError,
// *solve.SyntaxError, *solve.DiagnosedError, *solve.FullDiskError, *solve.UnsupportedError,
// *solve.BuildError, *registryauth.DeniedError, *registryauth.TokenError, *upload.FileError or
// *safefile.PrivilegedError.
//
// A result comes with a *solve.CacheRefusedError, with a *result.AnswerError where the daemon's
// answer is invalid, or with a *safefile.UnwritableError where its files could not be written.
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
	over := &spread{driver: d, request: req, name: o.Connect.Builder}
	if o.Ephemeral == nil {
		o.Connect.route = over.route
	}
	ctx, pushes := startPreflight(ctx, credentials, req, o.Registries.Preflight)
	c, err := d.connectOrProvide(ctx, &o, credentials)
	if err != nil {
		return nil, pushes.or(err)
	}
	o.Connect = over.first(o.Connect)
	b := &build{driver: d, options: o, request: req, credentials: credentials, connection: c}
	defer o.Connect.own.Remove(ctx) // after the connection, with which a build ends that was interrupted
	defer func() { b.close() }()
	if err := b.join(ctx, over); err != nil {
		return nil, pushes.or(err)
	}
	if err := pushes.wait(ctx); err != nil {
		return nil, err
	}
	d.warnOfEmulation(ctx, c, over)
	built, err := b.run(ctx, pushes)
	if built == nil {
		return nil, pushes.or(b.failed(ctx, err))
	}
	return &Built{Result: built, Evaluation: req.Evaluation(), TakesStdout: req.TakesStdout()}, b.finish(ctx, built, err)
}
