package main

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func full() shape {
	return shape{clients: 50, members: 4, duration: 3 * time.Minute, every: 45 * time.Second, seed: 1}
}

func TestScheduleIsTheSameForASeed(t *testing.T) {
	jobs, hits := schedule(full())
	again, hitsAgain := schedule(full())
	if !reflect.DeepEqual(jobs, again) || !reflect.DeepEqual(hits, hitsAgain) {
		t.Error("the same seed gives another load")
	}
	other := full()
	other.seed = 2
	if different, _ := schedule(other); reflect.DeepEqual(jobs, different) {
		t.Error("another seed gives the same load")
	}
}

func TestScheduleHasWhatItPromises(t *testing.T) {
	jobs, _ := schedule(full())
	clients, contexts, ids := map[int]bool{}, map[int]int{}, map[string]bool{}
	takes := map[string]time.Duration{}
	for i, each := range jobs {
		if each.at >= full().duration+time.Second || i > 0 && each.at < jobs[i-1].at {
			t.Errorf("build %s arrives at %v", each.id, each.at)
		}
		clients[each.client], ids[each.id] = true, true
		contexts[each.project]++
		for _, s := range each.steps {
			if before, seen := takes[s.key]; seen && before != s.takes || s.takes < time.Second {
				t.Errorf("step %s takes %v and %v", s.key, before, s.takes)
			}
			takes[s.key] = s.takes
		}
	}
	if len(clients) != 50 || len(ids) != len(jobs) || len(contexts) < 8 {
		t.Errorf("%d builds with %d names, of %d clients, in %d contexts", len(jobs), len(ids), len(clients), len(contexts))
	}
	// 50 clients, one build in 45 s each, for 180 s, and three bursts of 13.
	if len(jobs) < 170 || len(jobs) > 310 {
		t.Errorf("%d builds", len(jobs))
	}
	if steps, runs := oneMember(jobs); hitRate(steps, runs) < 0.4 || hitRate(steps, runs) > 0.8 {
		t.Errorf("one member runs %d of %d steps", runs, steps)
	}
}

// What a seed builds is at the same path each time, and never that of another run.
func TestSourcesAreTheSameForASeed(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var dirs [2]string
	for i := range dirs {
		dir, err := options{shape: full()}.sources()
		if err != nil {
			t.Fatal(err)
		}
		dirs[i] = dir
		if _, err := (options{shape: full()}).sources(); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), dir) {
			t.Errorf("beside %s: %v", dir, err)
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
	}
	if dirs[0] != dirs[1] {
		t.Errorf("%q", dirs)
	}
}

func TestBlows(t *testing.T) {
	_, hits := schedule(full())
	kinds := map[blowKind]int{}
	for i, each := range hits {
		kinds[each.kind]++
		if each.member < 0 || each.member >= 4 || each.at <= 0 || each.at >= 9*full().duration/10 || i > 0 && each.at < hits[i-1].at {
			t.Errorf("blow %d: %+v", i, each)
		}
	}
	if kinds[crash] == 0 || kinds[deleted] == 0 || kinds[upgrade] != 1 {
		t.Errorf("blows: %v", kinds)
	}
	long := full()
	long.duration = 30 * time.Minute
	if _, hits := schedule(long); len(hits) < 20 {
		t.Errorf("%d blows in 30 minutes", len(hits))
	}
	if at := slices.IndexFunc(hits, func(b blow) bool { return b.kind == upgrade }); hits[at].at != 99*time.Second {
		t.Errorf("the upgrade is at %v", hits[at].at)
	}
}
