package main

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestObserverReadsSteps(t *testing.T) {
	o, a, logs := &observer{}, &attempt{created: at(2), ran: map[string]string{}}, map[string][]byte{}
	for _, news := range []*controlapi.StatusResponse{
		{Vertexes: []*controlapi.Vertex{{Name: "[internal] load build definition"}}}, // not yet started
		{Vertexes: []*controlapi.Vertex{{Name: "[build 3/5] RUN", Started: timestamppb.New(at(5))}}},
		{Vertexes: []*controlapi.Vertex{{Name: "[build 1/5] FROM", Started: timestamppb.New(at(1))}}}, // shared with an older build
		{Vertexes: []*controlapi.Vertex{{Name: "[stage-1 2/2] COPY <<EOF /mark/b0042", Started: timestamppb.New(at(3))}}},
		{Logs: []*controlapi.VertexLog{{Vertex: "x", Msg: []byte("ran p1-d1 aaa\nra")}, {Vertex: "y", Msg: []byte("noise\n")}}},
		{Logs: []*controlapi.VertexLog{{Vertex: "y", Msg: []byte("ran p1-d1-s1 ccc\n")}, {Vertex: "x", Msg: []byte("n p1-d2 bbb\n")}}},
		{Vertexes: []*controlapi.Vertex{{Name: "[build 4/5] RUN", Started: timestamppb.New(at(7))}}},
		{Logs: []*controlapi.VertexLog{{Vertex: "z", Msg: []byte("ran cut of")}}},
	} {
		o.take(a, news, logs)
	}
	if !a.began.Equal(at(3)) || a.job != "b0042" {
		t.Errorf("build %q began at %v", a.job, a.began)
	}
	if want := map[string]string{"aaa": "p1-d1", "bbb": "p1-d2", "ccc": "p1-d1-s1"}; !maps.Equal(a.ran, want) {
		t.Errorf("ran %v, want %v", a.ran, want)
	}
}

// A connection that is lost ends a build, unless the daemon reports it again or its end.
func TestEndOfAnAttempt(t *testing.T) {
	o := &observer{attempts: map[attemptKey]*attempt{}}
	key, record := attemptKey{"ref", at(1)}, &controlapi.BuildHistoryRecord{Ref: "ref", CreatedAt: timestamppb.New(at(1))}
	a := o.note(pod{name: "m-0", uid: "u"}, key, record)
	if !a.end().IsZero() {
		t.Errorf("a build that runs has ended at %v", a.end())
	}
	a.lost = at(5)
	if !a.end().Equal(at(5)) {
		t.Errorf("lost at %v", a.end())
	}
	if again := o.note(pod{}, key, record); again != a || !a.end().IsZero() || a.pod != "m-0" {
		t.Errorf("the same build again: %+v", again)
	}
	a.lost = at(7)
	record.CompletedAt = timestamppb.New(at(6))
	o.note(pod{}, key, record)
	a.lost = at(8)
	if !a.end().Equal(at(6)) {
		t.Errorf("completed at %v", a.end())
	}
}

// A build of ours waits by records of their own, of which the first is the oldest, or names one of another member.
func TestTickets(t *testing.T) {
	o := &observer{attempts: map[attemptKey]*attempt{}, queued: map[string]time.Time{}, tickets: map[string]map[string]waiting{}}
	ticket := func(created int, queued string) bool {
		return o.noteTicket(&controlapi.BuildHistoryRecord{CreatedAt: timestamppb.New(at(created)), FrontendAttrs: map[string]string{
			"kubectl-buildkit.build": "ref", "kubectl-buildkit.queued": queued,
		}})
	}
	o.note(pod{}, attemptKey{"ref", at(9)}, &controlapi.BuildHistoryRecord{})
	for _, test := range []struct {
		created int
		queued  string
		want    int
	}{{8, "", 8}, {5, "", 5}, {7, "", 5}, {9, at(3).Format(time.RFC3339Nano), 3}, {9, "never", 3}} {
		if !ticket(test.created, test.queued) || !o.seen()[0].queued.Equal(at(test.want)) {
			t.Errorf("created at %d, queued %q: waits since %v", test.created, test.queued, o.seen()[0].queued)
		}
	}
	if o.noteTicket(&controlapi.BuildHistoryRecord{Ref: "x", FrontendAttrs: map[string]string{"build-arg:mark": "b1"}}) || len(o.seen()) != 1 {
		t.Error("a build is a ticket")
	}
}

func TestPodsByTheirEvents(t *testing.T) {
	var found []string
	p := &pods{known: map[string]pod{}, begun: map[string]bool{}, ready: map[string][]interval{}, found: func(one pod) { found = append(found, one.name) }}
	event := func(kind, name, phase string, ending bool) {
		var e podEvent
		e.Type, e.Object.Metadata.Name, e.Object.Metadata.UID, e.Object.Status.Phase = kind, name, "uid-"+name, phase
		if ending {
			e.Object.Metadata.DeletionTimestamp = &time.Time{}
		}
		p.take(e)
	}
	event("ADDED", "b", "Pending", false)
	event("MODIFIED", "b", "Running", false)
	event("ADDED", "a", "Running", false)
	event("MODIFIED", "b", "Running", false)
	if got := p.running(); len(got) != 2 || got[0].name != "a" || len(found) != 2 {
		t.Errorf("running %v, found %v", got, found)
	}
	event("MODIFIED", "a", "Running", true)
	if got := p.running(); len(got) != 1 || got[0].name != "b" || !p.exists("uid-a") {
		t.Errorf("running %v", got)
	}
	event("DELETED", "a", "Running", true)
	if p.exists("uid-a") {
		t.Error("a deleted Pod exists")
	}
}

func TestAway(t *testing.T) {
	p := &pods{ready: map[string][]interval{}}
	for _, each := range []struct {
		name  string
		ready bool
		at    int
	}{
		{"a", false, 1}, {"a", true, 2}, {"b", true, 3}, {"a", true, 5}, {"a", false, 12}, {"a", false, 13}, {"a", true, 15}, {"b", false, 18},
		{"a", false, 30}, {"c", true, 14}, {"d", true, 1}, {"d", false, 5}, {"d", true, 12},
	} {
		p.noteReady(each.name, each.ready, at(each.at))
	}
	want := [][]interval{{{at(12), at(15)}}, {{at(18), at(20)}}, {{at(10), at(14)}}, {{at(10), at(12)}}}
	if got := p.away(at(10), at(20)); !reflect.DeepEqual(got, want) {
		t.Errorf("away %v, want %v", got, want)
	}
}

func TestReadProcessors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stat")
	if err := os.WriteFile(path, []byte("cpu  100 1 50 800 40 3 4 2 70 0\ncpu0 9 9 9 9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := processors{busy: 1600 * time.Millisecond, all: 10 * time.Second}
	if got := readProcessors(path); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
