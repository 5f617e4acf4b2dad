package placement

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 15)) }

// The share of the contexts that move where a member comes or goes.
func TestFewContextsMove(t *testing.T) {
	const contexts = 10_000
	key := func(i int) string { return fmt.Sprintf("/home/user-%d/src/project-%d", i%50, i) }
	firsts := func(members []string) []string {
		list := make([]string, contexts)
		for i := range list {
			list[i] = Order(members, key(i))[0]
		}
		return list
	}
	members := names(100)
	before := firsts(members)
	count := map[string]int{}
	for _, first := range before {
		count[first]++
	}
	for member, n := range count {
		if n < contexts/100/2 || n > contexts/100*2 {
			t.Errorf("%s has %d of %d contexts", member, n, contexts)
		}
	}
	random := newRandom(3)
	most := 0.0
	for step := range 6 {
		joins, name := step%2 == 0, ""
		if joins {
			name = fmt.Sprintf("buildkitd-%d", 100+step)
			members = append(slices.Clone(members), name)
		} else {
			i := random.IntN(len(members))
			name = members[i]
			members = slices.Delete(slices.Clone(members), i, i+1)
		}
		after, moved := firsts(members), 0
		for i := range after {
			if after[i] == before[i] {
				continue
			}
			moved++
			if joins && after[i] != name || !joins && before[i] != name {
				t.Fatalf("a context moves from %s to %s where %s changes", before[i], after[i], name)
			}
		}
		share := float64(moved) / contexts * float64(len(members))
		if most = max(most, share); share > 1.2 {
			t.Errorf("where %s changes, %d of %d contexts move: %.2f/N", name, moved, contexts, share)
		}
		before = after
	}
	t.Logf("at most %.2f/N move", most)
}

// A burst of one context: its members share the builds evenly, though all have the same first
// choice.
func TestTargetsOfOneContextSpread(t *testing.T) {
	for _, n := range []int{2, 3, 4, 8} {
		for i := range 100 {
			order, loads := Order(names(n), fmt.Sprint("context ", i)), make([]Load, n)
			for j := range loads {
				loads[j].State = Known
			}
			for range 50 {
				choice, _ := Choose(loads, 0)
				loads[choice.Index].Builds++
			}
			most := slices.MaxFunc(loads, func(a, b Load) int { return a.Builds - b.Builds }).Builds
			if ratio := float64(most*n) / 50; ratio > 1.25 {
				t.Fatalf("%v in the order %q: the fullest has %.2f times the mean", loads, order, ratio)
			}
		}
	}
}

// day is a day of a team: 50 users, each with contexts, some of which they share.
type day struct {
	random  *rand.Rand
	members []string
	keyOf   func(context, target string) (key, part string)
	now     float64 // seconds
	events  events
	cache   map[string]bool // by member and layer
	active  map[string]int
	limit   int
	waiting map[string][]func()

	steps, hits, builds, spilled int
}

type event struct {
	at float64
	do func()
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func (d *day) after(pause float64, do func()) { heap.Push(&d.events, event{d.now + pause, do}) }

// source is a context, with the versions of its dependencies and of the rest.
type source struct {
	name         string
	targets      int
	dependencies int
	version      int
}

// layers of a build, and how many seconds each takes.
func (s *source) layers(target int) map[string]float64 {
	layers := map[string]float64{}
	for i := range 3 {
		layers[fmt.Sprint(s.name, " base ", i)] = 5
		layers[fmt.Sprint(s.name, " dependencies ", s.dependencies, i)] = 15
		layers[fmt.Sprint(s.name, " version ", s.version, i)] = 8
		layers[fmt.Sprint(s.name, " version ", s.version, " target ", target, i)] = 6
	}
	return layers
}

// build places a build by what the members run now; a moment later it is there.
func (d *day) build(s *source, target int, done func()) {
	key, part := d.keyOf(s.name, fmt.Sprint(target))
	order := Prefer(d.members, key, part)
	loads := make([]Load, len(order))
	for i, member := range order {
		loads[i] = Load{State: Known, Builds: d.active[member]}
	}
	choice, _ := Choose(loads, d.limit)
	member, layers := order[choice.Index], s.layers(target)
	if d.builds++; choice.Index > 0 {
		d.spilled++
	}
	begin := func() {
		takes := 5.0
		for layer, seconds := range layers {
			d.steps++
			if key := member + " " + layer; d.cache[key] {
				d.hits++
			} else {
				d.cache[key] = true
				takes += seconds
			}
		}
		d.after(takes*(0.5+d.random.Float64()), func() {
			d.active[member]--
			if line := d.waiting[member]; len(line) > 0 {
				d.waiting[member] = line[1:]
				line[0]()
			}
			done()
		})
	}
	d.after(0.2, func() {
		d.active[member]++
		if d.limit > 0 && d.active[member] > d.limit {
			d.waiting[member] = append(d.waiting[member], begin)
			return
		}
		begin()
	})
}

// work is a user's next piece of work, and after a pause the next one.
func (d *day) work(own, shared []*source) {
	s, ci := own[min(d.random.IntN(3), d.random.IntN(3))], d.random.Float64() < 0.2
	if ci {
		s = shared[d.random.IntN(len(shared))]
	}
	switch change := d.random.Float64(); {
	case change < 0.6:
		s.version++
	case change < 0.7:
		s.version++
		s.dependencies++
	}
	next := func() { d.after(d.random.ExpFloat64()*600, func() { d.work(own, shared) }) }
	switch {
	case ci: // all targets at once
		left := s.targets
		for target := range s.targets {
			d.build(s, target, func() {
				if left--; left == 0 {
					next()
				}
			})
		}
	case s.targets > 1 && d.random.Float64() < 0.3: // the tests, then the image
		d.build(s, 0, func() { d.build(s, 1, next) })
	default:
		d.build(s, d.random.IntN(s.targets), next)
	}
}

func (d *day) run() {
	var shared []*source
	for i := range 10 {
		shared = append(shared, &source{name: fmt.Sprint("git:example.com/", i), targets: 1 + i%6})
	}
	for user := range 50 {
		var own []*source
		for i := range 3 {
			own = append(own, &source{name: fmt.Sprintf("/home/%d/%d", user, i), targets: 1 + d.random.IntN(4)})
		}
		d.after(d.random.ExpFloat64()*600, func() { d.work(own, shared) })
	}
	for d.now < 8*60*60 {
		next := heap.Pop(&d.events).(event)
		d.now = next.at
		next.do()
	}
}

func (d *day) rate() float64 { return float64(d.hits) / float64(d.steps) }

// hitRates returns the mean rate of some days, and the share of the builds that went to another
// member than the first choice.
func hitRates(members, limit int, keyOf func(context, target string) (key, part string)) (rate, spilled float64) {
	const days = 3
	for seed := range uint64(days) {
		d := &day{
			random: newRandom(seed), members: names(members), keyOf: keyOf, limit: limit,
			cache: map[string]bool{}, active: map[string]int{}, waiting: map[string][]func(){},
		}
		d.run()
		rate, spilled = rate+d.rate()/days, spilled+float64(d.spilled)/float64(d.builds)/days
	}
	return rate, spilled
}

// A day of 50 users finds almost as much cached as if one member did everything. It would not if
// the target were part of the key: targets of one context share most of their steps.
func TestDayOfATeam(t *testing.T) {
	ofContext := func(context, target string) (string, string) { return context, target }
	one, _ := hitRates(1, 0, ofContext)
	for _, members := range []int{4, 8} {
		rate, spilled := hitRates(members, 0, ofContext)
		if rate < 0.95*one {
			t.Errorf("%d members find %.3f of the steps cached, one finds %.3f: %.3f", members, rate, one, rate/one)
		}
		byTarget, _ := hitRates(members, 0, func(context, target string) (string, string) { return context + " " + target, "" })
		if byTarget > rate {
			t.Errorf("with the target in the key %d members find %.3f, without it %.3f", members, byTarget, rate)
		}
		t.Logf("%d members: %.3f of one's %.3f, %.3f of the builds are spilled; with the target in the key: %.3f", members, rate/one, one, spilled, byTarget/one)
	}
}

// The same day where members have a limit. A higher one lets the first choice take more.
func TestDayOfATeamWithLimit(t *testing.T) {
	ofContext := func(context, target string) (string, string) { return context, target }
	one, _ := hitRates(1, 0, ofContext)
	for limit, least := range map[int]float64{Free: 0.95, mostFree: 0.98} {
		rate, spilled := hitRates(4, limit, ofContext)
		if rate < least*one {
			t.Errorf("with the limit %d members find %.3f of the steps cached, one finds %.3f: %.3f", limit, rate, one, rate/one)
		}
		t.Logf("limit %d: %.3f of one's %.3f, %.3f of the builds are spilled", limit, rate/one, one, spilled)
	}
}
