package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/report"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/version"
)

// finish adds to a result where it was made, passes on what is noteworthy of it, and writes the
// files that were asked for. A build of which only the cache was refused has them too.
func (b *build) finish(ctx context.Context, built *result.Result, failed error) error {
	if b.crew == nil {
		built.AddBuilder(b.connection.Member.Builder, b.connection.Member.Pod)
	}
	if invalid := built.Check(); invalid != nil {
		return errors.Join(failed, invalid)
	}
	notices := built.Notices()
	if failed == nil {
		notices = append(notices, b.request.Leftovers()...)
	}
	for _, notice := range notices {
		b.driver.warn(notice)
	}
	files := b.request.Files()
	if files.Metadata != nil {
		if b.request.Evaluation() == nil && b.crew == nil {
			if err := b.addProvenance(ctx, built); err != nil {
				return errors.Join(failed, err)
			}
		}
		if err := built.WriteMetadata(ctx, files.Metadata); err != nil {
			return errors.Join(failed, err)
		}
	}
	if files.ImageID != nil {
		return errors.Join(failed, built.WriteImageID(ctx, files.ImageID))
	}
	return failed
}

// addProvenance asks the daemon's record for what docker writes into its metadata file:
// BUILDX_METADATA_PROVENANCE is "min" if it is not set, "max" for steps and times, or "disabled".
func (b *build) addProvenance(ctx context.Context, built *result.Result) error {
	mode, _ := b.options.Environment.LookupEnv("BUILDX_METADATA_PROVENANCE")
	if on, err := strconv.ParseBool(mode); mode == "disabled" || err == nil && !on {
		return nil
	}
	var provenance map[string]json.RawMessage
	err := b.connection.Daemon.Call(ctx, func(asked *client.Client) (err error) {
		provenance, err = history.Provenance(ctx, asked, built.Ref(), mode == "max")
		return err
	})
	if err != nil {
		return b.driver.diagnose(ctx, b.connection.Member, err)
	}
	built.AddProvenance(provenance)
	return nil
}

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
func (r *recording) write(ctx context.Context, b *build, built *result.Result, err error) error {
	about := report.About{
		Title: r.request.Name(), State: stateOf(ctx, err), Err: err,
		Facts: []report.Fact{{Name: "Ref", Value: strings.Join(b.refs(), ", ")}},
	}
	for _, member := range b.members() {
		about.Facts = append(about.Facts, MemberFacts(member)...)
	}
	about.Facts = append(about.Facts, report.FactsOf(r.request.Attributes())...)
	about.Facts = append(about.Facts, versionFacts(ctx, b.connection)...)
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
