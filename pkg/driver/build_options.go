package driver

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/awskeys"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// BuildOptions is what to build, and on which builder. The zero value builds nothing: Request.Path
// is needed.
type BuildOptions struct {
	// Request is what to build.
	Request request.Options
	// Environment is that of the caller. Without a WorkingDir it is this process's, without
	// LookupEnv no variable is set. Proxies and AWSKeys are set by Build.
	Environment request.Environment
	// Credentials are the user's own; nil are none.
	Credentials *registryauth.Config
	Registries  Registries
	// Ephemeral, if it is not nil, gives the build a builder of its own, with the settings of the
	// one that Connect names. Provide then has nothing to do.
	Ephemeral *Ephemeral
	// Connect is which builder. Its Affinity and Target are set by Build.
	Connect ConnectOptions
	// Retries is how often a build that loses its builder goes on over a new connection, which is
	// tried for RetryTimeout each time; 0 is LossTimeout.
	Retries      int
	RetryTimeout time.Duration
	// Queue is how the build waits for its turn, if the builder has a limit.
	Queue Queue
	// Provide may make a builder that is missing; nil makes none.
	Provide  Provide
	Progress Progress
}

// Registries is what is asked of the registries of a build, and which credentials of the cluster it
// may use.
type Registries struct {
	// Preflight asks the registries, before the build, whether they accept the push.
	Preflight bool
	// Secrets and ServiceAccounts are names: Secrets of the namespace that hold a docker config,
	// and ServiceAccounts whose pull secrets do. They come before Credentials.
	Secrets, ServiceAccounts []string
}

// Progress is how a build is shown.
type Progress struct {
	Mode progress.Mode // empty is progress.None
	// Terminal is what the display draws on, and Text gets text that is not escaped yet. nil is
	// io.Discard.
	Terminal, Text io.Writer
	NoColors       bool
}

func (o BuildOptions) withDefaults() BuildOptions {
	o.Connect = o.Connect.withDefaults()
	if o.Environment.LookupEnv == nil {
		o.Environment.LookupEnv = func(string) (string, bool) { return "", false }
	}
	if dir, err := os.Getwd(); err == nil && o.Environment.WorkingDir == "" {
		o.Environment.WorkingDir = dir
	}
	o.Connect.Affinity, o.Connect.Target = o.Request.Affinity(o.Environment), o.Request.Target
	if o.Environment.LookPath == nil {
		o.Environment.LookPath = exec.LookPath
	}
	if o.Environment.Stdout == nil {
		o.Environment.Stdout = io.Discard
	}
	if o.Credentials == nil {
		o.Credentials = registryauth.Read(registryauth.Options{LookupEnv: o.Environment.LookupEnv})
	}
	o.RetryTimeout = cmp.Or(o.RetryTimeout, LossTimeout)
	o.Progress.Mode = cmp.Or(o.Progress.Mode, progress.None)
	if o.Progress.Terminal == nil {
		o.Progress.Terminal = io.Discard
	}
	if o.Progress.Text == nil {
		o.Progress.Text = io.Discard
	}
	return o
}

// AffinityOf returns the affinity of builds of that context, which may be relative to this
// process's working directory.
func AffinityOf(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	return buildcontext.Classify(path, buildcontext.Environment{WorkingDir: dir}).Identity
}

// request checks the options against this machine.
func (d *Driver) request(ctx context.Context, o BuildOptions) (*request.Request, error) {
	env := o.Environment
	if env.WorkingDir == "" {
		_, err := os.Getwd()
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	env.Stdin = request.Interruptible(ctx, env.Stdin)
	env.Proxies, env.AWSKeys = o.Credentials.Proxies(), d.awsKeys(ctx, env.LookupEnv)
	req, err := request.New(ctx, o.Request, env)
	if err != nil {
		return nil, err
	}
	if err := builder.ValidateName(o.Connect.Builder); err != nil {
		return nil, err
	}
	for _, warning := range req.Warnings() {
		d.warn(warning)
	}
	return req, nil
}

// awsKeys reads them once, when a cache needs them. What cannot be used is a warning: the builder
// may have its own.
func (d *Driver) awsKeys(ctx context.Context, lookupEnv func(string) (string, bool)) func() awskeys.Keys {
	return sync.OnceValue(func() awskeys.Keys {
		keys, err := awskeys.Load(ctx, lookupEnv)
		if err != nil {
			d.warn(fmt.Sprintf("the AWS credentials of this machine are not used: %v; the builder uses its own", err))
		}
		return keys
	})
}
