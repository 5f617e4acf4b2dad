package history

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
)

// logged is an entry whose status has that size.
func logged(ref string, ago, took int, size int64) *controlapi.BuildHistoryRecord {
	record := entry(ref, ago, took)
	record.Logs = &controlapi.Descriptor{Digest: "sha256:" + ref, Size: size}
	return record
}

// ran is a status of a step that ran in those seconds of the build; a negative end is none.
func ran(of *controlapi.BuildHistoryRecord, name string, from, to int) *controlapi.StatusResponse {
	at := func(seconds int) *timestamppb.Timestamp {
		return timestamppb.New(of.CreatedAt.AsTime().Add(time.Duration(seconds) * time.Second))
	}
	vertex := &controlapi.Vertex{Digest: name, Name: name, Started: at(from)}
	if to >= 0 {
		vertex.Completed = at(to)
	}
	return &controlapi.StatusResponse{Vertexes: []*controlapi.Vertex{vertex}}
}

func TestMeasure(t *testing.T) {
	d := newDaemon(t)
	plain, queued, old := logged("plain", 100, 20, 500), logged("queued", 200, 30, 500), logged("old", 90_000, 1, 500)
	plain.FrontendAttrs = map[string]string{"vcs:localdir:context": "app", "target": "bin"}
	claims := []queue.Ticket{
		{State: queue.Claimed, User: "ada https://u:hunter2@host/", Build: "plain"},
		{State: queue.Claimed, Build: "queued", Queued: queued.CreatedAt.AsTime().Add(-11 * time.Second)},
	}
	queued.Error = &spb.Status{Code: int32(codes.Canceled)}
	d.records = []*controlapi.BuildHistoryRecord{plain, queued, old, ticketEntry("k1", claims[0], 101, 22), ticketEntry("k2", claims[1], 201, 32)}
	cached := ran(plain, "[build 3/4] RUN cached", 1, 1)
	cached.Vertexes[0].Cached = true
	d.statuses["plain"] = []*controlapi.StatusResponse{
		ran(plain, "[build 2/4] RUN make", 1, -1), ran(plain, "[build 2/4] RUN make", 1, 5), cached,
		ran(plain, "[linux/arm64 4/4] RUN x", 6, 7), ran(plain, "[linux/arm64 4/4] RUN x", 8, 10), // in two parts
		ran(plain, "RUN https://u:hunter2@host/"+strings.Repeat("x", 500), 0, 1), ran(plain, "never ended", 1, -1),
	}
	d.statuses["queued"] = []*controlapi.StatusResponse{ran(queued, "[2/2] RUN a", 12, 14), ran(queued, "first", 11, 12)}
	got, err := Measure(t.Context(), d.start(t), nil, 24*time.Hour)
	if err != nil || len(got.Unread) != 0 || len(got.Builds) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	first := got.Builds[0]
	if first.State != stats.Succeeded || first.Duration != 20*time.Second || first.Context != "app" || first.Queued || first.Steps != 5 || first.Cached != 3 {
		t.Errorf("got %+v", first)
	}
	if strings.Contains(first.User+first.Ran[3].Name, "hunter2") || len([]rune(first.Ran[3].Name)) != maxStepName {
		t.Errorf("got %q, %q", first.User, first.Ran[3].Name)
	}
	want := []stats.Step{{Name: "[build] RUN make", Duration: 4 * time.Second}, {Name: "[linux/arm64] RUN x", Duration: time.Second}, {Name: "[linux/arm64] RUN x", Duration: 2 * time.Second}}
	if fmt.Sprint(first.Ran[:3]) != fmt.Sprint(want) || len(first.Ran) != 4 {
		t.Errorf("got %v, want %v", first.Ran, want)
	}
	if second := got.Builds[1]; second.State != stats.Canceled || !second.Queued || second.Wait != 11*time.Second || second.Ran[0].Name != "RUN a" {
		t.Errorf("got %+v", second)
	}
}

// A build that waits is shown as such.
func TestMeasureWhatWaits(t *testing.T) {
	d := newDaemon(t)
	runs := entry("runs", 10, 0)
	runs.CompletedAt = nil
	waits := ticketEntry("t", queue.Ticket{State: queue.Waiting, User: "ann", Build: "waits"}, 10, 0)
	d.records = []*controlapi.BuildHistoryRecord{runs, waits}
	got, err := Measure(t.Context(), d.start(t), nil, 0)
	if err != nil || len(got.Builds) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, build := range got.Builds {
		if want := map[string]stats.State{"runs": stats.Running, "waits": stats.Waiting}[build.Ref]; build.State != want {
			t.Errorf("%s: got %s, want %s", build.Ref, build.State, want)
		}
	}
}

// A status that cannot be read is named, and ends nothing: one that fails, that never ends, that is
// too large by its record, or larger than its record says.
func TestUnreadStatuses(t *testing.T) {
	d := newDaemon(t)
	d.records = []*controlapi.BuildHistoryRecord{
		logged("good", 1, 1, 100), logged("fails", 2, 1, 100), logged("hangs", 3, 1, 100), logged("large", 4, 1, maxStatuses), logged("huge", 5, 1, math.MaxInt64),
		logged("negative", 6, 1, -1),
	}
	good := []*controlapi.StatusResponse{ran(d.records[0], "step", 0, 1)}
	d.statuses["good"], d.statuses["negative"] = good, good
	d.onStatus = func(ref string, stream controlapi.Control_StatusServer) error {
		switch ref {
		case "fails":
			return errors.New("no such blob")
		case "hangs":
			<-stream.Context().Done()
		}
		return nil
	}
	got, err := measureWithin(t.Context(), d.start(t), nil, 0, 90*time.Millisecond)
	if err != nil || len(got.Builds) != 6 {
		t.Fatalf("got %+v, %v", got, err)
	}
	said := map[string]string{}
	for _, unread := range got.Unread {
		said[unread.Ref] = unread.Reason
	}
	for ref, want := range map[string]string{"fails": "no such blob", "hangs": "within 90ms", "large": "bytes of their logs", "huge": "bytes of their logs"} {
		if !strings.Contains(said[ref], want) {
			t.Errorf("%s: got %q, want %q", ref, said[ref], want)
		}
	}
	if len(said) != 4 || len(got.Builds[0].Ran) != 1 || len(got.Builds[5].Ran) != 1 {
		t.Errorf("got %v, %+v", said, got.Builds)
	}
}

// What one daemon sends is bounded: bytes of logs, and steps, however small.
func TestMeasureIsBounded(t *testing.T) {
	for name, status := range map[string]*controlapi.StatusResponse{
		"logs":  {Logs: []*controlapi.VertexLog{{Msg: make([]byte, 1<<20)}}},
		"steps": {Vertexes: make([]*controlapi.Vertex, 4<<10)},
	} {
		for i := range status.Vertexes {
			status.Vertexes[i] = &controlapi.Vertex{Started: &timestamppb.Timestamp{Nanos: int32(i)}, Completed: &timestamppb.Timestamp{Seconds: math.MaxInt64}}
		}
		d := newDaemon(t)
		d.records = []*controlapi.BuildHistoryRecord{logged("liar", 1, 1, 1)}
		d.onStatus = func(_ string, stream controlapi.Control_StatusServer) error {
			for range 100 {
				if err := stream.Send(status); err != nil {
					return err
				}
			}
			return nil
		}
		got, err := Measure(t.Context(), d.start(t), nil, 0)
		if err != nil || len(got.Unread) != 1 || !strings.Contains(got.Unread[0].Reason, "sends more than") || got.Builds[0].Ran != nil {
			t.Errorf("%s: got %+v, %v", name, got.Unread, err)
		}
	}
}

// Steps are not longer than their build, whatever times a daemon reports.
func TestAbsurdTimesOfSteps(t *testing.T) {
	d := newDaemon(t)
	record := logged("a", 10, 5, 100)
	d.records = []*controlapi.BuildHistoryRecord{record}
	long := ran(record, "step", -1_000_000, 1_000_000)
	far := &controlapi.StatusResponse{Vertexes: []*controlapi.Vertex{
		{Name: "far", Started: &timestamppb.Timestamp{Seconds: math.MinInt64}, Completed: &timestamppb.Timestamp{Seconds: math.MaxInt64, Nanos: math.MinInt32}},
		{Name: "back", Started: record.CompletedAt, Completed: record.CreatedAt},
	}}
	d.statuses["a"] = []*controlapi.StatusResponse{long, far}
	got, err := Measure(t.Context(), d.start(t), nil, 0)
	if err != nil || len(got.Builds[0].Ran) != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	sum := stats.Sum(got.Builds, stats.ByMember)
	for _, step := range sum.Steps {
		if step.Total < 0 || step.Total > 5 {
			t.Errorf("got %+v", step)
		}
	}
}

// A daemon that lists builds without end is left.
func TestRecordsAreBounded(t *testing.T) {
	d := newDaemon(t)
	for i := range maxRecords + 1 {
		d.records = append(d.records, &controlapi.BuildHistoryRecord{Ref: fmt.Sprint(i), CompletedAt: &timestamppb.Timestamp{}})
	}
	if records, err := List(t.Context(), d.start(t), nil); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %d records, %v", len(records), err)
	}
}
