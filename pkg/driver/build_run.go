package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/moby/buildkit/session"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// BuildError is returned for a build that has begun and made nothing, with what an explanation of
// it needs.
type BuildError struct {
	Member    cluster.Member
	Platforms []string // that the request names
	Stages    []string // that the Dockerfile names; empty if it is not on this machine
	Ref       string   // of the build's record in the history of the builder; may be empty
	Err       error    // one of pkg/solve, or a *LostError
}

func (e *BuildError) Error() string { return e.Err.Error() }
func (e *BuildError) Unwrap() error { return e.Err }

// Class returns that of Err.
func (e *BuildError) Class() fault.Class { return fault.Of(e.Err) }

// build is a build that has a builder.
type build struct {
	driver      *Driver
	options     BuildOptions
	request     *request.Request
	credentials *registryauth.Provider
	connection  *Connection // the one that is open
	crew        *crew       // nil where one builder builds all
	peer        *solve.Peer // of a part of a crew; else nil
}

func (b *build) close() {
	if b.crew != nil {
		b.crew.close()
		return
	}
	_ = b.connection.Close()
}

func (b *build) failed(ctx context.Context, err error) error {
	if known := (*BuildError)(nil); errors.As(err, &known) {
		return err // of a part
	}
	member := b.connection.Member
	return &BuildError{Member: member, Platforms: b.request.Platforms(), Stages: b.request.Stages(), Ref: b.request.Ref(), Err: b.driver.diagnose(ctx, member, err)}
}

// noteUnreachable reports what is waited for, and how long.
func (d *Driver) noteUnreachable(within fmt.Stringer) func(error) {
	return func(err error) {
		if isStarting(err) {
			d.inform("%v; waiting up to %v for it to start", err, podStartTimeout)
			return
		}
		d.inform("%v; trying again for %v", err, within)
	}
}

// trustFunc is passed what the builder trusts as soon as the cluster has reported it, before the
// member is dialed. It is nil for an unmanaged builder.
type trustFunc func(*cluster.Connection) error

// trustsNothing is the trustFunc of what asks no registry.
func trustsNothing(*cluster.Connection) error { return nil }

// trusting makes the credentials trust the registries that the builder trusts; an unmanaged builder
// does not report them.
func trusting(credentials *registryauth.Provider) trustFunc {
	return func(certificates *cluster.Connection) error {
		if certificates == nil {
			return credentials.Trust(nil)
		}
		return credentials.Trust(certificates.RegistryCA, certificates.InsecureRegistries...)
	}
}

// run builds, and shows and traces what the daemon does. The connection may be another one in the
// end.
func (b *build) run(ctx context.Context, pushes *preflight) (built *result.Result, err error) {
	trace, err := openTrace(ctx, b.request.Files().Trace)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, trace.Close()) }()
	display, err := progress.New(ctx, b.options.Progress.Terminal, b.options.Progress.Mode, b.shown())
	if err != nil {
		return nil, err
	}
	recording := newRecording(b.request)
	traced := progress.NewTrace(recording.watch(display), trace)
	if b.crew != nil {
		built, err = b.crew.solve(ctx, b, display, traced, pushes)
	} else {
		built, err = b.solve(ctx, display, traced, pushes)
	}
	if closing := b.closeDisplay(display, err); err == nil {
		err = errors.Join(closing, traced.Err())
	}
	wanted, _ := b.options.Environment.LookupEnv("BUILDX_METADATA_WARNINGS")
	if yes, _ := strconv.ParseBool(wanted); yes && built != nil && b.request.Evaluation() == nil {
		warnings, _ := display.Close() // it is closed: these are its warnings once more
		built.AddWarnings(warnings)
	}
	err = errors.Join(err, b.writeReport(ctx, recording, built, err))
	if target := b.request.Files().Ref; target != nil && len(b.refs()) > 0 {
		err = errors.Join(err, result.WriteRef(ctx, target, strings.Join(b.refs(), "\n")))
	}
	return built, err
}

// solve sends the request, and again over another connection where the builder is lost.
func (b *build) solve(ctx context.Context, display *progress.Display, traced solve.Display, pushes *preflight) (*result.Result, error) {
	watching, stop := context.WithCancel(ctx)
	var doubts sync.WaitGroup
	doubts.Go(func() { pushes.warn(watching, b.connection, b.driver.showOn(display, b.options.Progress.Mode)) })
	if reason := b.connection.reason; reason != "" {
		display.Step(reason)(nil)
	}
	o := b.options
	keeper := newReconnector(watching, b.driver, o, display, b.connection)
	keeper.trust = trusting(b.credentials)
	built, daemon, err := solve.Build{
		Request: b.request, Display: traced, Attachables: []session.Attachable{b.credentials.Session(display)},
		Retries: o.Retries, Reconnect: keeper.reconnect, Notice: keeper.notice, Queue: b.queue(display, keeper),
		Peer: b.peer,
	}.Run(ctx, b.connection.Daemon)
	stop()
	doubts.Wait()
	keeper.watches.Wait()
	b.connection = keeper.of(daemon)
	return built, err
}

// shown is what the display names.
func (b *build) shown() progress.Options {
	member := b.connection.Member
	phrase := fmt.Sprintf("building with %q in namespace %q", member.Builder, member.Namespace)
	if name := b.driver.Context(); name != "" {
		phrase += fmt.Sprintf(" of context %q", name)
	}
	return progress.Options{
		Phrase: phrase, Name: "kubectl-buildkit/" + member.Namespace + "/" + member.Builder, NoColors: b.options.Progress.NoColors,
	}
}

// showOn passes notices on with a function that shows them as steps of a display, which a line of
// text would break.
func (d *Driver) showOn(display *progress.Display, mode progress.Mode) func(Notice) {
	if mode == progress.Quiet || mode == progress.None {
		return d.send
	}
	return func(notice Notice) {
		notice.Show = func(line string) { display.Step(line)(nil) }
		d.send(notice)
	}
}

// closeDisplay waits for the last lines, and prints the daemon's warnings below the display, or
// where there is none what a step that failed has printed last. The result of an evaluation has its
// warnings itself.
func (b *build) closeDisplay(display *progress.Display, failed error) error {
	warnings, err := display.Close()
	mode, text := b.options.Progress.Mode, b.options.Progress.Text
	switch {
	case mode == progress.Quiet && failed != nil:
		display.PrintFailed(text)
		return err
	case mode == progress.Quiet, mode == progress.None, mode == progress.RawJSON, b.request.Evaluation() != nil:
		return err
	}
	return errors.Join(err, progress.PrintWarnings(text, warnings))
}

// writeReport writes the report of the build that ended with that error, and reports where.
func (b *build) writeReport(ctx context.Context, recording *recording, built *result.Result, failed error) error {
	if recording.target == nil {
		return nil
	}
	if err := recording.write(ctx, b, built, failed); err != nil {
		return err
	}
	if shows(b.options.Progress.Mode) {
		b.driver.inform("report written to %s", recording.target.Path())
	}
	return nil
}

// openTrace appends to the file, as buildctl does; without one the trace goes nowhere.
func openTrace(ctx context.Context, target *safefile.Target) (io.WriteCloser, error) {
	if target == nil {
		return nowhere{io.Discard}, nil
	}
	return target.Append(ctx)
}

type nowhere struct{ io.Writer }

func (nowhere) Close() error { return nil }
