package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func (f testAttempt) attempt() attempt {
	moment := func(s int) time.Time {
		if s == 0 {
			return time.Time{}
		}
		return at(s)
	}
	a := attempt{pod: f.pod, uid: "uid-" + f.pod, job: f.job, created: moment(f.created), began: moment(f.began), ended: moment(f.ended), lost: moment(f.lost), queued: moment(f.queued)}
	a.ran = map[string]string{}
	for _, run := range strings.Fields(f.ran) {
		a.ran[run] = "key"
	}
	return a
}

// testAttempt has times in seconds after the start; 0 is never.
type testAttempt struct {
	job, pod                    string
	created, began, ended, lost int
	queued                      int
	ran                         string
}

// evaluated has every build of the attempts done, by clients that began a second before.
func evaluated(members, limit int, attempts ...testAttempt) figures {
	seen, first := recording{start: at(0)}, map[string]testAttempt{}
	var order []string
	for _, each := range attempts {
		seen.attempts = append(seen.attempts, each.attempt())
		if _, known := first[each.job]; !known {
			first[each.job] = each
			order = append(order, each.job)
		}
	}
	for _, id := range order {
		seen.outcomes = append(seen.outcomes, outcome{job: job{id: id, steps: []step{{key: "key-" + id}, {key: "all"}}}, began: at(first[id].created - 1), ended: at(60)})
	}
	return evaluate(plugin{team: team{members: members}, limited: limit}, shape{members: members}, seen)
}

func sum(values []time.Duration) (all int) {
	for _, value := range values {
		all += int(value / time.Second)
	}
	return all
}

func TestWaits(t *testing.T) {
	for _, test := range []struct {
		name           string
		members, limit int
		attempts       []testAttempt
		wait, ideal    int // of all builds
		repeated       int
	}{
		{"one place", 1, 1, []testAttempt{
			{job: "a", pod: "m", created: 10, began: 10, ended: 15},
			{job: "b", pod: "m", created: 11, began: 16, ended: 20},
		}, 5, 4, 0},
		{"waits at the wrong member", 2, 1, []testAttempt{
			{job: "a", pod: "m", created: 10, began: 10, ended: 15},
			{job: "b", pod: "m", created: 11, began: 15, ended: 20},
		}, 4, 0, 0},
		{"begun again after a loss", 1, 1, []testAttempt{
			{job: "a", pod: "m", created: 10, began: 12, lost: 15},
			{job: "a", pod: "n", created: 18, began: 19, ended: 22},
		}, 2 + 4, 0, 1},
		{"leaves before its turn", 1, 1, []testAttempt{
			{job: "a", pod: "m", created: 10, lost: 13},
			{job: "a", pod: "n", created: 14, began: 15, ended: 22},
		}, 5, 0, 0},
		{"begun beside the one that was given up", 2, 1, []testAttempt{
			{job: "a", pod: "m", created: 10, began: 10, ended: 30},
			{job: "a", pod: "n", created: 20, began: 21, ended: 25, queued: 10},
		}, 1, 0, 1},
		{"created when its turn came", 1, 1, []testAttempt{
			{job: "a", pod: "m", created: 10, began: 10, ended: 15},
			{job: "b", pod: "m", created: 15, began: 16, ended: 20, queued: 11},
		}, 5, 4, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := evaluated(test.members, test.limit, test.attempts...)
			if sum(f.waits) != test.wait || sum(f.ideal) != test.ideal || f.repeated != test.repeated || f.unseen != 0 {
				t.Errorf("waits %v, ideal %v, %d repeated, %d unseen", f.waits, f.ideal, f.repeated, f.unseen)
			}
			if len(f.waits) != len(f.ideal) || len(f.asking) != len(f.waits) || f.asking[0] != time.Second {
				t.Errorf("%d waits, %d ideal, asking %v", len(f.waits), len(f.ideal), f.asking)
			}
		})
	}
}

// A member that is not ready has no places in the stricter of the two ideal queues.
func TestIdealWithoutMembers(t *testing.T) {
	seen := recording{start: at(0), away: [][]interval{nil, {{at(5), at(20)}}}}
	for i, id := range []string{"a", "b", "c"} {
		seen.outcomes = append(seen.outcomes, outcome{job: job{id: id}, began: at(1), ended: at(60)})
		seen.attempts = append(seen.attempts, testAttempt{job: id, pod: "m", created: 10, began: 10 + 4*i, ended: 14 + 4*i}.attempt())
	}
	f := evaluate(plugin{team: team{members: 2}, limited: 1}, shape{members: 2}, seen)
	if sum(f.waits) != 4+8 || sum(f.ideal) != 4 || sum(f.idealLess) != 4+8 {
		t.Errorf("waits %v, ideal %v, without the member %v", f.waits, f.ideal, f.idealLess)
	}
	var out strings.Builder
	printReport(&out, options{}, []figures{f})
	for _, row := range []string{"| p99 ÷ ideal p99 | 2.00 |\n", "| p99 ÷ that p99 | 1.00 |\n"} {
		if !strings.Contains(out.String(), row) {
			t.Errorf("the report lacks %q:\n%s", row, out.String())
		}
	}
}

func TestCountsWhatRanAtOnce(t *testing.T) {
	two := []testAttempt{
		{job: "a", pod: "m", created: 1, began: 10, ended: 20, ran: "x y"},
		{job: "b", pod: "m", created: 2, began: 11, ended: 19, ran: "y"}, // shares a run
		{job: "c", pod: "n", created: 3, began: 12, ended: 18},
		{job: "d", pod: "m", created: 4, began: 20, ended: 25, ran: "z"},
		{job: "e", pod: "m", created: 5}, // only waits
	}
	f := evaluated(2, 2, two...)
	if f.most != 2 || f.runs != 3 || f.steps != 10 || f.oneRuns != 6 || f.unseen != 1 {
		t.Errorf("%d at once, %d of %d steps run, by one member %d, %d unseen", f.most, f.runs, f.steps, f.oneRuns, f.unseen)
	}
	if got := fmt.Sprintf("%.3f", f.ratio()); got != "1.750" { // 0.7 by 0.4
		t.Errorf("ratio %s", got)
	}
	if runs := runsOf([]job{{id: "b"}, {id: "d"}}, f.attempts); runs != 2 {
		t.Errorf("%d steps run for two of the builds, want 2", runs)
	}
	open := evaluated(2, 1, testAttempt{job: "a", pod: "m", created: 1, began: 10}, testAttempt{job: "b", pod: "m", created: 2, began: 59, ended: 60})
	if open.most != 2 {
		t.Errorf("a build without an end does not count: %d at once", open.most)
	}
}

func TestVerdict(t *testing.T) {
	good := []testAttempt{{job: "a", pod: "m", created: 1, began: 1, ended: 9}, {job: "b", pod: "m", created: 1, began: 2, ended: 9}}
	for _, test := range []struct {
		name  string
		limit int
		spoil func(*figures)
		want  string
	}{
		{"within the limit", 2, nil, ""},
		{"no limit", 0, nil, ""},
		{"above the limit", 1, nil, "2 builds ran at once on a member that may run 1"},
		{"a lost build", 2, func(f *figures) { f.lost = append(f.lost, outcome{failure: errors.New("x")}) }, "1 of 2 builds are lost"},
		{"nothing seen", 2, func(f *figures) { f.unseen = 1 }, "nothing of 1 of 2 builds"},
		{"a crash that failed", 2, func(f *figures) { f.blows = []blow{{kind: crash, member: 3, failure: errors.New("no member runs")}} }, "crash of member 3: no member runs"},
		{"nothing built", 2, func(f *figures) { f.outcomes = nil }, "no build"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := evaluated(1, test.limit, good...)
			if test.spoil != nil {
				test.spoil(&f)
			}
			if err := f.verdict(); test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("verdict %v, want %q", err, test.want)
			}
		})
	}
}

// A lost build is lost also where another is done, and counts neither in the times nor in the pace.
func TestLostBuilds(t *testing.T) {
	seen := recording{start: at(0), outcomes: []outcome{
		{job: job{id: "a"}, began: at(1), ended: at(31)},
		{job: job{id: "b"}, began: at(1), ended: at(60), failure: errors.New("exit status 3\nthe builder was lost")},
	}}
	f := evaluate(plugin{}, shape{members: 1}, seen)
	if len(f.lost) != 1 || len(f.took) != 1 || f.took[0] != 30*time.Second || f.perMinute != 1 || f.unseen != 1 {
		t.Errorf("%d lost, took %v, %v a minute, %d unseen", len(f.lost), f.took, f.perMinute, f.unseen)
	}
	var out strings.Builder
	printReport(&out, options{}, []figures{f})
	if !strings.Contains(out.String(), "| lost | 1 |") || !strings.Contains(out.String(), "ours lost 1: the builder was lost\n") {
		t.Errorf("the report:\n%s", out.String())
	}
}

func TestCheckResult(t *testing.T) {
	j := job{id: "b0007", steps: []step{{key: "one"}, {key: "two"}}}
	for _, test := range []struct{ name, mark, file, result, want string }{
		{"as it should be", "b0007", "b0007\n", "one\ntwo\n", ""},
		{"no mark", "b0008", "b0008\n", "one\ntwo\n", "no such file"},
		{"the mark of another", "b0007", "b0008\n", "one\ntwo\n", `"b0008"`},
		{"a step of another", "b0007", "b0007\n", "one\nthree\n", "three"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"mark/" + test.mark: test.file, "result": test.result})
			if err := j.checkResult(dir); test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
