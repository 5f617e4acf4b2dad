package driver

import (
	"errors"
	"fmt"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
)

// endedBuilds are records of builds that have ended, the first of them now.
func endedBuilds(refs ...string) []*controlapi.BuildHistoryRecord {
	var records []*controlapi.BuildHistoryRecord
	for i, ref := range refs {
		created := time.Now().Add(-time.Duration(i) * time.Hour)
		records = append(records, &controlapi.BuildHistoryRecord{
			Ref: ref, CreatedAt: timestamppb.New(created), CompletedAt: timestamppb.New(created.Add(time.Minute)),
			Logs: &controlapi.Descriptor{Digest: digestOf("a"), Size: 1},
		})
	}
	return records
}

func counted(measured Measured) string {
	text := ""
	for _, group := range stats.Sum(measured.Builds, stats.ByMember).Groups {
		text += fmt.Sprintf("%s:%d ", group.Name, group.Builds)
	}
	return text
}

// A build of which two members have a record counts once; a member that does not answer is named,
// and the others are counted.
func TestMeasure(t *testing.T) {
	inBubble(t, threeMembers, func(t *testing.T, w *world) {
		w.daemons["buildkitd-0"].Records = endedBuilds("a", "b", "old")
		w.daemons["buildkitd-1"].Records = endedBuilds("a", "c")
		w.daemons["buildkitd-2"].Records = endedBuilds("d")
		got, err := w.driver.Measure(t.Context(), options(), nil, 90*time.Minute)
		if want := "buildkitd-0:2 buildkitd-1:1 buildkitd-2:1 "; err != nil || counted(got) != want || got.Members != 3 || len(got.Unread) != 0 {
			t.Errorf("got %s, %+v, %v", counted(got), got.Unread, err)
		}
		only := history.Filters{func(r history.Record) bool { return r.Ref == "c" }}
		if got, err = w.driver.Measure(t.Context(), options(), only, 0); err != nil || counted(got) != "buildkitd-1:1 " || got.Builds[0].Builder != "buildkitd" {
			t.Errorf("filtered: got %s, %v", counted(got), err)
		}
		w.daemons["buildkitd-0"].Stop()
		got, err = w.driver.Measure(t.Context(), options(), nil, 0)
		var silent *NoAnswerError
		if !errors.As(err, &silent) || silent.Silent[0].Member.Pod != "buildkitd-0" || counted(got) != "buildkitd-1:2 buildkitd-2:1 " || got.Members != 2 {
			t.Errorf("with one that is down: got %s, %v", counted(got), err)
		}
		if got, err = w.driver.MeasureAll(t.Context(), options(), nil, 0); !errors.As(err, &silent) || got.Members != 2 {
			t.Errorf("all builders: got %+v, %v", got, err)
		}
	})
}
