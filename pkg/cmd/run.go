package cmd

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/moby/buildkit/session"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// build asks the daemon, and shows and traces what it does. The builder that b is may be another one in the end.
func (f *factory) build(
	ctx context.Context, o *buildOptions, b *connected, req *request.Request, mode progress.Mode, credentials *registryauth.Provider,
) (built *result.Result, err error) {
	trace, err := openTrace(ctx, req.Files().Trace)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, trace.Close()) }()
	display, err := progress.New(ctx, f.raw.ErrOut, mode, f.progressOptions(b.member))
	if err != nil {
		return nil, err
	}
	credentials.ShowIn(display)
	picture := newPicture(req)
	traced := progress.NewTrace(picture.watch(display), trace)
	watching, stop := context.WithCancel(ctx)
	go o.late(display, mode)
	line := newLifeline(watching, f, o, display, b)
	built, daemon, err := solve.Build{
		Request: req, Display: traced, Attachables: []session.Attachable{credentials},
		Retries: o.retry.retries, Reconnect: line.reconnect, Notice: line.notice,
	}.Run(ctx, b.daemon)
	stop()
	line.watches.Wait()
	*b = *line.of(daemon)
	if closing := f.closeDisplay(display, mode, req, err); err == nil {
		err = errors.Join(closing, traced.Err())
	}
	wanted, _ := f.lookupEnv("BUILDX_METADATA_WARNINGS")
	if yes, _ := strconv.ParseBool(wanted); yes && built != nil && req.Evaluation() == nil {
		warnings, _ := display.Close() // it is closed: these are its warnings once more
		built.AddWarnings(warnings)
	}
	err = errors.Join(err, f.writeReport(ctx, picture, b, built, mode, err))
	if target := req.Files().Ref; target != nil && req.Ref() != "" {
		err = errors.Join(err, result.WriteRef(ctx, target, req.Ref()))
	}
	return built, err
}

// writeReport draws the build that ended with that error, and prints where.
func (f *factory) writeReport(ctx context.Context, p *picture, b *connected, built *result.Result, mode progress.Mode, err error) error {
	if p.target == nil {
		return nil
	}
	if err := p.ofBuild(ctx, b, built, err); err != nil {
		return err
	}
	switch mode {
	case progress.Quiet, progress.None, progress.RawJSON:
		return nil
	}
	_, err = escape.Fprintln(f.streams.ErrOut, "report written to "+p.target.Path())
	return err
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

// contextPath is the main context, in the words of docker or of buildctl.
func (o *buildOptions) contextPath() string {
	for _, local := range o.Locals {
		if dir, found := strings.CutPrefix(local, "context="); found {
			return dir
		}
	}
	return o.Path
}
