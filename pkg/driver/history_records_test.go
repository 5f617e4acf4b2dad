package driver

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
)

// A build that is not found is not reported as missing where a member that may have it did not
// answer.
func TestRecordsOfSilentMembers(t *testing.T) {
	records := []Record{{Record: history.Record{Ref: "run"}}, {Record: history.Record{Ref: "bad"}}}
	silent := &NoAnswerError{Name: "team", Members: 2, Silent: []NoAnswer{{Member: cluster.Member{Pod: "team-0"}, Err: errors.New("lost")}}}
	if chosen, err := choose(records, []string{"ba", "latest"}, silent); err != nil || chosen[0].Ref != "bad" || chosen[1].Ref != "run" {
		t.Errorf("got %v, %v", chosen, err)
	}
	if _, err := choose(records, []string{"x"}, silent); !errors.Is(err, silent) || !is[*history.NotFoundError](err) {
		t.Errorf("got %v", err)
	}
	if _, err := choose(nil, []string{"latest"}, silent); !errors.Is(err, silent) || is[*history.NotFoundError](err) {
		t.Errorf("got %v", err)
	}
}

func TestRecords(t *testing.T) {
	inBubble(t, threeMembers, func(t *testing.T, w *world) {
		now := time.Now()
		for i, name := range []string{"buildkitd-0", "buildkitd-2"} {
			w.daemons[name].Records = []*controlapi.BuildHistoryRecord{{
				Ref: name, CreatedAt: timestamppb.New(now.Add(time.Duration(i) * time.Minute)), CompletedAt: timestamppb.New(now.Add(time.Hour)), Pinned: i == 1,
			}}
		}
		records, err := w.driver.FindRecords(t.Context(), options(), "latest", "buildkitd-0")
		if err != nil || len(records) != 2 || records[0].Ref != "buildkitd-2" || records[0].Member.Pod != "buildkitd-2" {
			t.Fatalf("found %+v, %v", records, err)
		}
		var removed []string
		err = w.driver.RemoveRecords(t.Context(), options(), func(record history.Record) error {
			removed = append(removed, record.Ref)
			return nil
		})
		if err != nil || len(removed) != 1 || removed[0] != "buildkitd-0" {
			t.Errorf("removed %q, %v", removed, err)
		}
		err = errors.Join(w.driver.RemoveRecord(t.Context(), options(), records[0]), w.driver.PinRecord(t.Context(), options(), records[0], true))
		if changed := w.daemons["buildkitd-2"].Changed; err != nil || len(changed) != 2 {
			t.Errorf("changed %v, %v", changed, err)
		}
		var lines bytes.Buffer
		display := progress.NewJSON(&lines)
		if err := errors.Join(w.driver.ReplayRecord(t.Context(), options(), records[0], display), display.Close()); err != nil {
			t.Error(err)
		}
		records[0].Status = history.Running
		if err := w.driver.RemoveRecord(t.Context(), options(), records[0]); err == nil {
			t.Error("a running build has no record to remove")
		}
	})
}

// A member whose volume began as a clone of another's has that one's records: each build is listed
// once, and what is done to its record is done to all of them.
func TestRecordsOfACloneAreOne(t *testing.T) {
	inBubble(t, threeMembers, func(t *testing.T, w *world) {
		record := func(ref string) *controlapi.BuildHistoryRecord {
			at := time.Now()
			if ref == "own" {
				at = at.Add(time.Minute)
			}
			return &controlapi.BuildHistoryRecord{Ref: ref, CreatedAt: timestamppb.New(at), CompletedAt: timestamppb.New(at.Add(time.Hour))}
		}
		w.daemons["buildkitd-0"].Records = []*controlapi.BuildHistoryRecord{record("cloned")}
		w.daemons["buildkitd-1"].Records = []*controlapi.BuildHistoryRecord{record("cloned"), record("own")}
		records, err := w.driver.Records(t.Context(), options(), nil)
		if err != nil || len(records) != 2 || records[1].Ref != "cloned" || records[1].Member.Pod != "buildkitd-0" {
			t.Fatalf("got %+v, %v", records, err)
		}
		if err := w.driver.RemoveRecord(t.Context(), options(), records[1]); err != nil {
			t.Error(err)
		}
		for _, name := range []string{"buildkitd-0", "buildkitd-1"} {
			if changed := w.daemons[name].Changed; len(changed) != 1 || changed[0].Ref != "cloned" {
				t.Errorf("%s: changed %v", name, changed)
			}
		}
		var mu sync.Mutex
		var removed []string
		err = w.driver.RemoveRecords(t.Context(), options(), func(record history.Record) error {
			mu.Lock()
			defer mu.Unlock()
			removed = append(removed, record.Ref)
			return nil
		})
		if slices.Sort(removed); err != nil || !slices.Equal(removed, []string{"cloned", "own"}) {
			t.Errorf("removed %q, %v", removed, err)
		}
	})
}

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
