package queue_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
)

func at(seconds int) time.Time { return time.Unix(1_000_000+int64(seconds), 0).UTC() }

// ticket is the record of a build with that reference, whose own reference begins with its state.
func ticket(state queue.State, user, build string, created int, change ...func(*queue.Ticket)) queue.Record {
	t := queue.Ticket{State: state, User: user, Build: build}
	for _, apply := range change {
		apply(&t)
	}
	return queue.Record{Ref: string(state) + "-" + build, Created: at(created), Attributes: t.Attributes()}
}

func build(ref string, created int) queue.Record {
	return queue.Record{Ref: ref, Created: at(created), Attributes: map[string]string{"target": ref}}
}

func resumes(ref string) func(*queue.Ticket) { return func(t *queue.Ticket) { t.Resumes = ref } }

func queued(seconds int) func(*queue.Ticket) { return func(t *queue.Ticket) { t.Queued = at(seconds) } }

func refs(builds []queue.Build) string {
	var all []string
	for _, build := range builds {
		all = append(all, build.Ref)
	}
	return strings.Join(all, " ")
}

func TestLine(t *testing.T) {
	for name, test := range map[string]struct {
		records          []queue.Record
		running, waiting string
	}{
		"nothing": {},
		"other clients run from their creation": {
			records: []queue.Record{build("b", 2), build("a", 1)}, running: "a b",
		},
		"the records of a build are one": {
			records: []queue.Record{ticket(queue.Waiting, "ann", "a", 1), ticket(queue.Claimed, "ann", "a", 2), build("a", 3), ticket(queue.Claimed, "bob", "b", 4)},
			running: "a b",
		},
		"first come, first served": {
			records: []queue.Record{ticket(queue.Waiting, "cid", "c", 3), ticket(queue.Waiting, "ann", "a", 1), ticket(queue.Waiting, "bob", "b", 2)},
			waiting: "a b c",
		},
		"users take turns": {
			records: []queue.Record{
				ticket(queue.Waiting, "ann", "a1", 1), ticket(queue.Waiting, "ann", "a2", 2), ticket(queue.Waiting, "ann", "a3", 3),
				ticket(queue.Waiting, "bob", "b1", 4), ticket(queue.Waiting, "bob", "b2", 5), ticket(queue.Waiting, "cid", "c1", 6),
			},
			waiting: "a1 b1 c1 a2 b2 a3",
		},
		"running builds count for the turns": {
			records: []queue.Record{
				ticket(queue.Claimed, "ann", "a1", 1), build("a1", 2), ticket(queue.Waiting, "ann", "a2", 3), ticket(queue.Waiting, "bob", "b1", 4),
			},
			running: "a1", waiting: "b1 a2",
		},
		"a build keeps its time": {
			records: []queue.Record{ticket(queue.Waiting, "ann", "a", 1), ticket(queue.Waiting, "bob", "b", 9, queued(0))},
			waiting: "b a",
		},
		"a build that goes on is one with what is left of it": {
			records: []queue.Record{ticket(queue.Claimed, "ann", "a", 1), build("a", 2), ticket(queue.Resumed, "ann", "a2", 5, resumes("a")), build("a2", 6)},
			running: "a2",
		},
		"a build that goes on where nothing is left of it": {
			records: []queue.Record{ticket(queue.Resumed, "ann", "a2", 5, resumes("a")), ticket(queue.Waiting, "bob", "b", 1)},
			running: "a2", waiting: "b",
		},
		"a build that waits on over a new connection": {
			records: []queue.Record{ticket(queue.Waiting, "ann", "a", 1), ticket(queue.Waiting, "bob", "b", 2), ticket(queue.Waiting, "ann", "a2", 3, resumes("a"))},
			waiting: "a2 b",
		},
		"a claim that was given up is listed for a moment": {
			records: []queue.Record{ticket(queue.Claimed, "ann", "a", 1), ticket(queue.Waiting, "ann", "a", 2), build("x", 0)},
			running: "x", waiting: "a",
		},
		"a build that has waited claims again": {
			records: []queue.Record{ticket(queue.Waiting, "ann", "a", 1), ticket(queue.Claimed, "ann", "a", 2)}, running: "a",
		},
		"a circle ends": {
			records: []queue.Record{ticket(queue.Waiting, "eve", "a", 1, resumes("b")), ticket(queue.Waiting, "eve", "b", 2, resumes("a"))},
			waiting: "a b",
		},
		"two builds of others do not become one": {
			records: []queue.Record{
				build("a", 1), build("b", 2), ticket(queue.Waiting, "eve", "a", 3, resumes("b")), ticket(queue.Claimed, "eve", "x", 4, resumes("a")),
				{Ref: "y", Created: at(5), Attributes: queue.Ticket{State: queue.Claimed, Build: "x", Resumes: "b"}.Attributes()},
			},
			running: "a b",
		},
	} {
		t.Run(name, func(t *testing.T) {
			line := queue.NewLine(test.records, 2, nil)
			if running, waiting := refs(line.Running()), refs(line.Waiting()); running != test.running || waiting != test.waiting {
				t.Errorf("running %q, waiting %q", running, waiting)
			}
			for i, build := range line.Waiting() {
				if build.Place != i+1 {
					t.Errorf("place %d at %d", build.Place, i)
				}
			}
			slices.Reverse(test.records)
			if again := queue.NewLine(test.records, 2, nil); refs(again.Running()) != test.running || refs(again.Waiting()) != test.waiting {
				t.Error("the order of the records matters")
			}
		})
	}
}

func TestTurn(t *testing.T) {
	records := []queue.Record{build("x", 0), ticket(queue.Waiting, "ann", "a", 1), ticket(queue.Waiting, "bob", "b", 2), ticket(queue.Waiting, "ann", "c", 3)}
	for _, test := range []struct {
		limit int
		turns string
	}{{1, ""}, {2, "a"}, {3, "a b"}, {9, "a b c"}} {
		line := queue.NewLine(records, test.limit, nil)
		var turns []string
		for _, ref := range []string{"a", "b", "c"} {
			if _, _, yes := line.Turn(ref); yes {
				turns = append(turns, ref)
			}
		}
		if got := strings.Join(turns, " "); got != test.turns {
			t.Errorf("limit %d: the turn of %q", test.limit, got)
		}
	}
	forged := append(slices.Clone(records), ticket(queue.Claimed, "eve", "a", 9))
	if place, _, yes := queue.NewLine(forged, 2, nil).Turn("a"); !yes || place != 1 {
		t.Errorf("a forged claim takes the turn: place %d", place)
	}
}

// A user whose first build has ended does not begin anew while the others wait.
func TestRounds(t *testing.T) {
	var records []queue.Record
	add := func(user, ref string, created int) {
		round := queue.Round(records, user, ref)
		records = append(records, ticket(queue.Waiting, user, ref, created, func(t *queue.Ticket) { t.Round = round }))
	}
	records = append(records, ticket(queue.Claimed, "ann", "a1", 0), build("a1", 0))
	for i, ref := range []string{"a2", "a3", "b1", "b2", "c1"} {
		add(map[byte]string{'a': "ann", 'b': "bob", 'c': "cid"}[ref[0]], ref, i)
	}
	for _, want := range []string{"b1 c1 a2 b2 a3", "b1 c1 a2 b2 a3"} {
		if got := refs(queue.NewLine(records, 1, nil).Waiting()); got != want {
			t.Errorf("the order is %q", got)
		}
		records = slices.DeleteFunc(records, func(r queue.Record) bool { return strings.HasSuffix(r.Ref, "a1") })
	}
	add("dan", "d1", 9)
	if got, want := refs(queue.NewLine(records, 1, nil).Waiting()), "b1 c1 a2 d1 b2 a3"; got != want {
		t.Errorf("the order with a new user is %q, not %q", got, want)
	}
}

// However many users come, each with a first build, the second build of a user whose first one has
// ended is next.
func TestNewUsersDoNotPassFirstBuilds(t *testing.T) {
	waits := func(user, ref string, created, round int) queue.Record {
		return ticket(queue.Waiting, user, ref, created, func(t *queue.Ticket) { t.Round = round })
	}
	records := []queue.Record{build("foreign", 0), waits("ann", "a2", 1, 7)}
	for i := range 20 {
		user := fmt.Sprint("user ", i)
		records = append(records, waits(user, fmt.Sprint("first of ", i), 2+i, queue.Round(records, user, "")))
	}
	if place, _, _ := queue.NewLine(records, 1, nil).Turn("a2"); place != 1 {
		t.Errorf("a build of round 7 is at place %d", place)
	}
}

// A newer claim never takes the place of an older one.
func TestClaimsCountInTheirOrder(t *testing.T) {
	older, newer := ticket(queue.Claimed, "ann", "a", 1), ticket(queue.Claimed, "bob", "b", 2)
	waits := ticket(queue.Waiting, "cid", "c", 0)
	for name, test := range map[string]struct {
		records []queue.Record
		claim   queue.Record
		waited  bool
		want    bool
	}{
		"alone":                        {[]queue.Record{older}, older, false, true},
		"the older of two":             {[]queue.Record{older, newer}, older, false, true},
		"the newer of two":             {[]queue.Record{older, newer}, newer, false, false},
		"another client runs":          {[]queue.Record{older, build("x", 9)}, older, false, false},
		"its own build":                {[]queue.Record{older, build("a", 9)}, older, false, true},
		"others wait":                  {[]queue.Record{older, waits}, older, false, false},
		"others wait, as it did":       {[]queue.Record{older, waits}, older, true, true},
		"a newer one that resumes":     {[]queue.Record{older, ticket(queue.Resumed, "bob", "b", 2)}, older, true, false},
		"an older one for its build":   {[]queue.Record{ticket(queue.Claimed, "eve", "b", 0), newer}, newer, true, true},
		"at the same time, by its ref": {[]queue.Record{ticket(queue.Claimed, "ann", "a", 2), newer}, newer, true, false},
	} {
		if got := queue.NewLine(test.records, 1, nil).Admits(test.claim, test.waited); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A client that does not use its turn holds up the others for 30 seconds.
func TestIdleBuildsAreSkipped(t *testing.T) {
	records := []queue.Record{ticket(queue.Waiting, "eve", "dead", 1), ticket(queue.Waiting, "ann", "a", 2)}
	claims := []queue.Record{ticket(queue.Claimed, "eve", "dead", 1), ticket(queue.Waiting, "ann", "a", 2)}
	turnAt := func(idle *queue.Idle, second int, records []queue.Record) bool {
		_, _, yes := idle.Look(at(second), records, 1, "a").Turn("a")
		return yes
	}
	for name, records := range map[string][]queue.Record{"a ticket": records, "a claim": claims} {
		idle := &queue.Idle{}
		for second := 0; second < 30; second += 10 {
			if turnAt(idle, second, records) {
				t.Fatalf("%s: skipped after %d s", name, second)
			}
		}
		if next := idle.Next(); !next.Equal(at(30)) {
			t.Errorf("%s: the next look is due at %v", name, next)
		}
		if !turnAt(idle, 30, records) || !turnAt(idle, 40, records) {
			t.Errorf("%s: not skipped", name)
		}
		if _, _, yes := idle.Look(at(41), append(slices.Clone(records), build("dead", 9)), 1, "a").Turn("a"); yes {
			t.Errorf("%s: a build that runs was skipped", name)
		}
	}
	idle := &queue.Idle{}
	if turnAt(idle, 0, records) || turnAt(idle, 100, records) {
		t.Error("skipped by a client that has not looked for 100 s")
	}
	if !turnAt(&queue.Idle{}, 0, records[1:]) {
		t.Error("no turn alone")
	}
}

func TestTickets(t *testing.T) {
	want := queue.Ticket{State: queue.Waiting, User: "ann", Build: "a", Name: "example.com/app", Resumes: "b", Queued: at(3)}
	if got, ok := queue.Parse(want.Attributes()); !ok || got != want {
		t.Errorf("got %v, %v", got, ok)
	}
	for key := range want.Attributes() {
		if !strings.HasPrefix(key, queue.Prefix) {
			t.Errorf("the attribute %q", key)
		}
	}
	long := strings.Repeat("é", 10_000)
	got, _ := queue.Parse(queue.Ticket{State: queue.Waiting, User: long, Build: long, Name: long, Resumes: long}.Attributes())
	if len(got.User) > 64 || len(got.Build) > 128 || len(got.Name) > 512 || len(got.Resumes) > 128 {
		t.Errorf("got %d, %d, %d, %d bytes", len(got.User), len(got.Build), len(got.Name), len(got.Resumes))
	}
	for _, attributes := range []map[string]string{nil, {"kubectl-buildkit.state": "waiting"}, {"kubectl-buildkit.state": "x", "kubectl-buildkit.build": "y"}} {
		if _, ok := queue.Parse(attributes); ok {
			t.Errorf("%v is a ticket", attributes)
		}
	}
}

// Ten thousand forged records take no time, and cost other users no more than their own number.
func TestForgedRecordsAreCheap(t *testing.T) {
	records := []queue.Record{ticket(queue.Waiting, "ann", "a", 0)}
	for i := range 10_000 {
		state := []queue.State{queue.Waiting, queue.Claimed}[i%2]
		records = append(records, ticket(state, "eve", fmt.Sprint("x", i), i, resumes(fmt.Sprint("x", i+1))))
	}
	began := time.Now()
	if place, _, _ := queue.NewLine(records, 2, nil).Turn("a"); place != 1 {
		t.Errorf("place %d", place)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("waiting", "ann", "a", "b", "2026-01-02T03:04:05Z")
	f.Fuzz(func(t *testing.T, state, user, build, former, queuedAt string) {
		attributes := map[string]string{
			"kubectl-buildkit.state": state, "kubectl-buildkit.user": user, "kubectl-buildkit.build": build,
			"kubectl-buildkit.resumes": former, "kubectl-buildkit.queued": queuedAt,
		}
		parsed, ok := queue.Parse(maps.Clone(attributes))
		if again, stays := queue.Parse(parsed.Attributes()); ok && (!stays || !again.Queued.Equal(parsed.Queued) || again.User != parsed.User) {
			t.Errorf("%+v became %+v", parsed, again)
		}
		queue.NewLine([]queue.Record{{Ref: build, Attributes: attributes}, {Ref: former, Attributes: attributes}}, 1, nil).Turn(build)
	})
}
