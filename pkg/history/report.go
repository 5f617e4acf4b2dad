package history

import (
	"cmp"
	"context"
	"fmt"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/report"
)

// Draw returns the report of a recorded build. If the build still runs, it waits for its end.
func Draw(ctx context.Context, c *client.Client, record Record) (report.Build, error) {
	if record.Status == Waiting {
		return report.Build{}, fmt.Errorf("build %q waits at place %d of the queue: there is nothing to report yet", record.Ref, record.Place)
	}
	recorder := report.NewRecorder()
	if err := Replay(ctx, c, record.Ref, recorder.Add); err != nil {
		return report.Build{}, err
	}
	if record.Status == Running { // it has ended meanwhile
		records, err := listen(ctx, c, &controlapi.BuildHistoryRequest{Ref: record.Ref, EarlyExit: true}, nil, 0)
		if err != nil {
			return report.Build{}, err
		}
		if len(records) > 0 {
			record = records[0]
		}
	}
	failure, err := Failure(ctx, c, record)
	if err != nil {
		return report.Build{}, err
	}
	return recorder.Build(report.About{
		Title: cmp.Or(record.Name, record.Ref), State: stateOf(record.Status), Err: failure, Facts: factsOf(record),
		Started: record.Created, Ended: record.Ended,
	}), nil
}

func stateOf(status Status) report.State {
	switch status {
	case Running:
		return report.Running
	case Completed:
		return report.Succeeded
	case Canceled:
		return report.Canceled
	}
	return report.Failed
}

func factsOf(record Record) []report.Fact {
	facts := []report.Fact{{Name: "Ref", Value: record.Ref}}
	facts = append(facts, report.FactsOf(attributesOf(record.entry))...)
	if digest := record.entry.Result.GetResults()[0].GetDigest(); digest != "" {
		facts = append(facts, report.Fact{Name: "Result", Value: digest})
	}
	return facts
}
