package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/report"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/version"
)

// picture is what a running build is drawn from, if --report asks for it.
type picture struct {
	target   *safefile.Target
	recorder *report.Recorder
	request  *request.Request
}

func newPicture(req *request.Request) *picture {
	return &picture{target: req.Files().Report, recorder: report.NewRecorder(), request: req}
}

// watch lets the picture see what the display is shown.
func (p *picture) watch(display solve.Display) solve.Display {
	if p.target == nil {
		return display
	}
	return progress.NewTap(display, p.recorder.Add)
}

// ofBuild writes the page of a build that has ended, with err or without: it is wanted most when the build failed.
func (p *picture) ofBuild(ctx context.Context, b *connected, built *result.Result, err error) error {
	about := report.About{
		Title: p.request.Name(), State: stateOf(ctx, err), Err: err,
		Facts: append([]report.Fact{{Name: "Ref", Value: p.request.Ref()}}, memberFacts(b.member)...),
	}
	about.Facts = append(about.Facts, report.FactsOf(p.request.Attributes())...)
	about.Facts = append(about.Facts, versionFacts(ctx, b)...)
	if built != nil && built.Line() != "" {
		about.Facts = append(about.Facts, report.Fact{Name: "Result", Value: built.Line()})
	}
	return report.Save(ctx, p.target, p.recorder.Build(about))
}

func stateOf(ctx context.Context, err error) report.State {
	var canceled *solve.CanceledError
	switch {
	case err == nil:
		return report.Succeeded
	case ctx.Err() != nil, errors.As(err, &canceled):
		return report.Canceled
	}
	return report.Failed
}

// versionPatience is how long a daemon may take to say its version before the page is written without it.
const versionPatience = 2 * time.Second

func versionFacts(ctx context.Context, b *connected) []report.Fact {
	facts := []report.Fact{{Name: "kubectl-buildkit", Value: version.Read().Plugin}}
	ctx, cancel := context.WithTimeout(ctx, versionPatience)
	defer cancel()
	if daemon, err := b.daemon.Version(ctx); err == nil {
		facts = append(facts, report.Fact{Name: "BuildKit", Value: daemon})
	}
	return facts
}

func memberFacts(member cluster.Member) []report.Fact {
	return []report.Fact{
		{Name: "Builder", Value: member.Builder},
		{Name: "Pod", Value: fmt.Sprintf("%s/%s", member.Namespace, member.Pod)},
		{Name: "Node", Value: member.Node},
	}
}
