package driver

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

// recording is what the report of a running build is made of, if one is asked for.
type recording struct {
	target   *safefile.Target
	recorder *report.Recorder
	request  *request.Request
}

func newRecording(req *request.Request) *recording {
	return &recording{target: req.Files().Report, recorder: report.NewRecorder(), request: req}
}

// watch records what the display is shown.
func (r *recording) watch(display solve.Display) solve.Display {
	if r.target == nil {
		return display
	}
	return progress.NewTap(display, r.recorder.Add)
}

// write writes the report of a build that has ended, with err or without: it is wanted most when
// the build failed.
func (r *recording) write(ctx context.Context, c *Connection, built *result.Result, err error) error {
	about := report.About{
		Title: r.request.Name(), State: stateOf(ctx, err), Err: err,
		Facts: append([]report.Fact{{Name: "Ref", Value: r.request.Ref()}}, MemberFacts(c.Member)...),
	}
	about.Facts = append(about.Facts, report.FactsOf(r.request.Attributes())...)
	about.Facts = append(about.Facts, versionFacts(ctx, c)...)
	if built != nil && built.Line() != "" {
		about.Facts = append(about.Facts, report.Fact{Name: "Result", Value: built.Line()})
	}
	return report.Save(ctx, r.target, r.recorder.Build(about))
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

// reportVersionTimeout is how long a daemon may take to report its version before the report is
// written without it.
const reportVersionTimeout = 2 * time.Second

func versionFacts(ctx context.Context, c *Connection) []report.Fact {
	facts := []report.Fact{{Name: "kubectl-buildkit", Value: version.Read().Plugin}}
	ctx, cancel := context.WithTimeout(ctx, reportVersionTimeout)
	defer cancel()
	if daemon, err := c.Daemon.Version(ctx); err == nil {
		facts = append(facts, report.Fact{Name: "BuildKit", Value: daemon})
	}
	return facts
}

// MemberFacts are the lines of a report about the member that has built.
func MemberFacts(member cluster.Member) []report.Fact {
	return []report.Fact{
		{Name: "Builder", Value: member.Builder},
		{Name: "Pod", Value: fmt.Sprintf("%s/%s", member.Namespace, member.Pod)},
		{Name: "Node", Value: member.Node},
	}
}
