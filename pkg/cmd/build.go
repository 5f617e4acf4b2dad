package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/moby/buildkit/util/stack"
	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/home"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/terminal"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const buildLong = `Build an image from a Dockerfile, on a builder in the cluster.

PATH is a directory, "-" for a tar archive or a Dockerfile on standard input, or a URL. The registry credentials of
this machine's docker config are passed to the build through its own connection; the cluster never stores them.

Standard output carries the answer alone: the pushed reference with its digest. Everything else goes to the error
stream. Without a builder in the namespace, the default one is installed first; one whose Pod was deleted is restored
with its settings.

The flags are those of "docker buildx build", and those of "buildctl build" with --frontend in place of PATH. Without
either, an LLB definition is read from standard input, as buildctl does.`

const buildExample = `  # Build the current directory and push the image
  kubectl buildkit build -t registry.example.com/team/app:1 --push .

  # Two tags, a build argument, another Dockerfile, one stage of it
  kubectl buildkit build -t registry.example.com/app:1 -t registry.example.com/app:latest --push \
    --build-arg VERSION=1 -f build/Dockerfile --target release .

  # Take files instead of an image
  kubectl buildkit build -o ./out .
  kubectl buildkit build -o type=oci,dest=image.tar .

  # A private git repository: its token as a secret, not in the URL
  kubectl buildkit build --secret id=GIT_AUTH_TOKEN,env=TOKEN https://git.example.com/team/app.git#main

  # A Dockerfile from standard input, without a context
  echo 'FROM alpine' | kubectl buildkit build -

  # On a builder of its own, which is removed with the build, also if this client is killed
  kubectl buildkit build --ephemeral -t registry.example.com/team/app:1 --push .

  # The words of buildctl
  kubectl buildkit build --frontend dockerfile.v0 --local context=. --local dockerfile=. \
    --output type=image,name=registry.example.com/app:1,push=true`

type buildOptions struct {
	request.Options
	connect connectOptions
	retry   retryOptions
	queue   driver.Queue
	install bool
	// ephemeral asks for a builder of this build's own, and settings says what it is besides.
	ephemeral bool
	settings  []string
	// installAsked says that the user wrote --install, so that no question is needed.
	installAsked bool
	registries   registryOptions
	progress     string
	quiet        bool
	debug        bool
}

func newBuildCommand(f *factory, run func(context.Context, *buildOptions) error) *cobra.Command {
	o := &buildOptions{}
	if run == nil {
		run = func(ctx context.Context, o *buildOptions) error { return runBuild(ctx, f, o) }
	}
	c := &cobra.Command{
		Use:     "build [flags] PATH | URL | -",
		Aliases: []string{"b"},
		Short:   "Build an image",
		Long:    buildLong,
		Example: buildExample,
		Args:    func(_ *cobra.Command, args []string) error { return o.checkArguments(f, args) },
		RunE: func(c *cobra.Command, args []string) error {
			if args = o.takeCompress(args); len(args) > 0 {
				o.Path = args[0]
			}
			o.connect.named, o.connect.renew = c.Flags().Changed("builder"), true
			o.installAsked = c.Flags().Changed("install")
			return run(c.Context(), o)
		},
	}
	o.register(c.Flags())
	return c
}

// checkArguments wants one PATH, and none where the frontend is told all by flags or a program
// pipes its steps into the build.
func (o *buildOptions) checkArguments(f *factory, args []string) error {
	args = o.takeCompress(args)
	switch {
	case o.FrontendName != "" && len(args) > 0:
		return fmt.Errorf("takes no PATH with --frontend, got %q: the context is --local context=DIR", args)
	case len(args) == 0 && o.FrontendName == "" && !f.streams.PipedInto():
		return errors.New(`needs the build context: PATH, URL or "-", e.g. "." for the current directory`)
	case len(args) > 1 && o.Compress != "":
		return fmt.Errorf("takes one PATH, got %d arguments: %q; --compress is one of %s", len(args), args, strings.Join(upload.Modes(), ", "))
	case len(args) > 1:
		return fmt.Errorf("takes one PATH, got %d arguments: %q", len(args), args)
	}
	return nil
}

// runBuild turns flags into options, and the result into one line.
func runBuild(ctx context.Context, f *factory, o *buildOptions) error {
	options, err := o.build(f)
	if err != nil {
		return err
	}
	if o.Path == "" && o.FrontendName == "" && !o.quiet {
		escape.Fprintln(f.streams.ErrOut, "without PATH and --frontend: reading an LLB definition from standard input")
	}
	built, err := f.Build(ctx, options)
	if begun := (*driver.BuildError)(nil); o.debug && (errors.As(err, &begun) || err != nil && built != nil) {
		f.printStack(err)
	}
	if err != nil {
		return err
	}
	return f.answer(built, options.Progress.Mode)
}

// build checks the flags that pkg/request does not.
func (o *buildOptions) build(f *factory) (options driver.BuildOptions, err error) {
	mode, err := o.mode(f)
	if err != nil {
		return options, err
	}
	credentials, err := o.registries.credentials(f)
	if err != nil {
		return options, err
	}
	own, err := o.own()
	if err != nil {
		return options, err
	}
	return driver.BuildOptions{
		Request: o.Options, Ephemeral: own,
		Environment: request.Environment{
			LookupEnv: f.lookupEnv, Stdin: f.streams.In, Stdout: f.streams.Raw.Out, StdoutIsTerminal: terminal.Is(f.streams.Out),
		},
		Credentials: credentials,
		Registries:  driver.Registries{Preflight: o.registries.preflight, Secrets: o.registries.secrets, ServiceAccounts: o.registries.serviceAccounts},
		Connect:     o.connect.driver(), Retries: o.retry.retries, RetryTimeout: o.retry.within,
		Queue:    driver.Queue{User: cmp.Or(o.queue.User, home.User(f.lookupEnv)), Timeout: o.queue.Timeout},
		Provide:  (&provider{factory: f, options: o}).provide,
		Progress: driver.Progress{Mode: mode, Terminal: f.streams.Raw.ErrOut, Text: f.streams.ErrOut, NoColors: f.noColors()},
	}, errors.Join(o.connect.check(), o.retry.check(), checkQueueTimeout(o.queue.Timeout))
}

func (o *buildOptions) mode(f *factory) (progress.Mode, error) {
	value := o.progress
	if value == "" {
		value, _ = f.lookupEnv("BUILDKIT_PROGRESS")
	}
	return progress.ParseMode(value, o.quiet)
}

// credentials are those of the user's docker config. What cannot be read is a warning: many a build
// needs no registry.
func (f *factory) credentials() *registryauth.Config {
	config := registryauth.Read(f.credentialOptions())
	for _, warning := range config.Warnings() {
		escape.Fprintln(f.streams.ErrOut, "warning: "+warning)
	}
	return config
}

func (f *factory) credentialOptions() registryauth.Options {
	return registryauth.Options{Directory: registryauth.Directory(f.lookupEnv, home.Directory(f.lookupEnv)), LookupEnv: f.lookupEnv}
}

// answer writes the line on standard output. Of an image that stays in the builder's cache or is on
// this machine, --quiet prints the ID, as docker does.
func (f *factory) answer(built *driver.Built, mode progress.Mode) error {
	if built.Evaluation != nil {
		return f.printAnswer(built.Result, built.Evaluation)
	}
	line := built.Line()
	if mode == progress.Quiet && !built.Pushed() {
		line = built.ImageID()
	}
	if line == "" || built.TakesStdout { // an archive's end is its own
		return nil
	}
	_, err := escape.Fprintln(f.streams.Out, line)
	return err
}

// retryOptions say how hard a build clings to its builder.
type retryOptions struct {
	retries int
	within  time.Duration
}

func (o retryOptions) check() error {
	if o.retries < 0 {
		return &usage.Error{What: "--retries", Value: fmt.Sprint(o.retries), Reason: "it is negative", Next: "write 0 for none"}
	}
	if o.within <= 0 {
		return &usage.Error{What: "--retry-timeout", Value: o.within.String(), Reason: "it is not a positive duration", Next: "write e.g. 5m"}
	}
	return nil
}

func checkQueueTimeout(timeout time.Duration) error {
	if timeout >= 0 {
		return nil
	}
	return &usage.Error{What: "--queue-timeout", Value: timeout.String(), Reason: "it is negative", Next: "write e.g. 10m, or 0 for no limit"}
}

// printAnswer prints what the Dockerfile was asked, and fails if the answer says so.
func (f *factory) printAnswer(built *result.Result, evaluation *request.Evaluation) error {
	out := f.streams.Out
	if evaluation.JSON {
		out = f.streams.Results()
	}
	if err := built.PrintAnswer(out, evaluation.Name, evaluation.JSON, evaluation.Dockerfile); err != nil {
		return err
	}
	if evaluation.IgnoreStatus {
		return nil
	}
	return built.Status()
}

// printStack writes the calls in this client and in the daemon that an error came from.
func (f *factory) printStack(err error) {
	_, _ = io.WriteString(f.streams.ErrOut, fmt.Sprintf("%+v\n", stack.Formatter(err)))
}
