package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/home"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
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

  # The words of buildctl
  kubectl buildkit build --frontend dockerfile.v0 --local context=. --local dockerfile=. \
    --output type=image,name=registry.example.com/app:1,push=true`

type buildOptions struct {
	request.Options
	connect connectOptions
	retry   retryOptions
	install bool
	// installAsked says that the user wrote --install, so that no question is needed.
	installAsked bool
	registries   registryOptions
	progress     string
	quiet        bool
	debug        bool
	// late shows what is known only after the display has begun.
	late func(*progress.Display, progress.Mode)
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

// checkArguments wants one PATH, and none where the frontend is told all by flags or a program pipes its steps into the
// build.
func (o *buildOptions) checkArguments(f *factory, args []string) error {
	args = o.takeCompress(args)
	switch {
	case o.FrontendName != "" && len(args) > 0:
		return fmt.Errorf("takes no PATH with --frontend, got %q: the context is --local context=DIR", args)
	case len(args) == 0 && o.FrontendName == "" && !f.pipedInto():
		return errors.New(`needs the build context: PATH, URL or "-", e.g. "." for the current directory`)
	case len(args) > 1 && o.Compress != "":
		return fmt.Errorf("takes one PATH, got %d arguments: %q; --compress is one of %s", len(args), args, strings.Join(upload.Modes(), ", "))
	case len(args) > 1:
		return fmt.Errorf("takes one PATH, got %d arguments: %q", len(args), args)
	}
	return nil
}

// runBuild is the way of a build: everything is checked, then a builder is found, then it is asked.
func runBuild(ctx context.Context, f *factory, o *buildOptions) (err error) {
	mode, err := o.mode(f)
	if err != nil {
		return err
	}
	credentials, err := o.registries.credentials(f)
	if err != nil {
		return err
	}
	if o.Path == "" && o.FrontendName == "" && !o.quiet {
		escape.Fprintln(f.streams.ErrOut, "there is no PATH and no --frontend: reading an LLB definition from standard input")
	}
	req, err := f.request(ctx, o.Options, credentials)
	if err != nil {
		return err
	}
	if err := errors.Join(o.connect.check(), o.retry.check()); err != nil {
		return err
	}
	for _, warning := range req.Warnings() {
		escape.Fprintln(f.streams.ErrOut, "warning: "+warning)
	}

	if err := f.fromCluster(ctx, o.registries, req, credentials); err != nil {
		return err
	}
	ctx, check := o.registries.startPreflight(ctx, credentials, req)
	o.connect.resolved = func(connection *cluster.Connection) error { return lendTrust(connection, credentials) }
	b, err := f.builderFor(ctx, o)
	if err != nil {
		return check.or(err)
	}
	defer b.close()
	if err := check.wait(ctx); err != nil {
		return err
	}
	f.warnOfEmulation(ctx, b, req)
	o.late = check.warn(ctx, f, b)
	built, err := f.build(ctx, o, b, req, mode, credentials)
	if err != nil && o.debug {
		f.printStack(err)
	}
	if built == nil {
		return check.or(shortageOf(b.member, reasonedOf(b.member, req, stepFailureOf(b.member, req.Ref(), f.explainLoss(ctx, b, err)))))
	}
	built.AddBuilder(b.member.Builder, b.member.Pod)
	if invalid := built.Check(); invalid != nil {
		return errors.Join(err, invalid)
	}
	notices := built.Notices()
	if err == nil {
		notices = append(notices, req.Leftovers()...)
	}
	for _, notice := range notices {
		escape.Fprintln(f.streams.ErrOut, "warning: "+notice)
	}
	if err := errors.Join(err, f.writeFiles(ctx, b, built, req)); err != nil {
		return err
	}
	return f.answer(built, req, mode)
}

// writeFiles writes the files that were asked for. A build of which only the cache was refused has them too.
func (f *factory) writeFiles(ctx context.Context, b *connected, built *result.Result, req *request.Request) error {
	files := req.Files()
	if files.Metadata != nil {
		if req.Evaluation() == nil {
			if err := f.addProvenance(ctx, b, built); err != nil {
				return err
			}
		}
		if err := built.WriteMetadata(ctx, files.Metadata); err != nil {
			return err
		}
	}
	if files.ImageID != nil {
		return built.WriteImageID(ctx, files.ImageID)
	}
	return nil
}

// addProvenance asks the daemon's record for what docker writes into its metadata file: BUILDX_METADATA_PROVENANCE is
// "min" if it is not set, "max" for steps and times, or "disabled".
func (f *factory) addProvenance(ctx context.Context, b *connected, built *result.Result) error {
	mode, _ := f.lookupEnv("BUILDX_METADATA_PROVENANCE")
	if on, err := strconv.ParseBool(mode); mode == "disabled" || err == nil && !on {
		return nil
	}
	provenance, err := b.provenance(ctx, built.Ref(), mode == "max")
	if err != nil {
		return f.explainLoss(ctx, b, err)
	}
	built.AddProvenance(provenance)
	return nil
}

func (o *buildOptions) mode(f *factory) (progress.Mode, error) {
	value := o.progress
	if value == "" {
		value, _ = f.lookupEnv("BUILDKIT_PROGRESS")
	}
	return progress.ParseMode(value, o.quiet)
}

// credentials are those of the user's docker config. What cannot be read is a warning: many a build needs no registry.
func (f *factory) credentials() *registryauth.Provider {
	provider := registryauth.New(f.credentialOptions())
	for _, warning := range provider.Warnings() {
		escape.Fprintln(f.streams.ErrOut, "warning: "+warning)
	}
	return provider
}

func (f *factory) credentialOptions() registryauth.Options {
	return registryauth.Options{Directory: registryauth.Directory(f.lookupEnv, home.Directory(f.lookupEnv)), LookupEnv: f.lookupEnv}
}

// request checks the options against this machine.
func (f *factory) request(ctx context.Context, options request.Options, credentials *registryauth.Provider) (*request.Request, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	return request.New(ctx, options, request.Environment{
		WorkingDir: dir, LookupEnv: f.lookupEnv, Stdin: request.Interruptible(ctx, f.streams.In), Stdout: f.raw.Out,
		LookPath: exec.LookPath, StdoutIsTerminal: isTerminal(f.streams.Out), Proxies: credentials.Proxies(),
		AWSKeys: f.awsKeys(ctx),
	})
}

// closeDisplay waits for the last lines, and prints what the daemon warns of to those who watch, and to those who do not
// what a step that failed has printed last. The answer of an evaluation has its warnings itself.
func (f *factory) closeDisplay(display *progress.Display, mode progress.Mode, req *request.Request, failed error) error {
	warnings, err := display.Close()
	switch {
	case mode == progress.Quiet && failed != nil:
		display.PrintFailed(f.streams.ErrOut)
		return err
	case mode == progress.Quiet, mode == progress.None, mode == progress.RawJSON, req.Evaluation() != nil:
		return err
	}
	return errors.Join(err, progress.PrintWarnings(f.streams.ErrOut, warnings))
}

// answer writes the line on standard output. Of an image that stays in the builder's cache or is on this machine, --quiet
// prints the ID, as docker does.
func (f *factory) answer(built *result.Result, req *request.Request, mode progress.Mode) error {
	if evaluation := req.Evaluation(); evaluation != nil {
		return f.printAnswer(built, evaluation)
	}
	line := built.Line()
	if mode == progress.Quiet && !built.Pushed() {
		line = built.ImageID()
	}
	if line == "" || req.TakesStdout() { // an archive's end is its own
		return nil
	}
	_, err := escape.Fprintln(f.streams.Out, line)
	return err
}
