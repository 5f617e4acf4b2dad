package placement

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
)

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("buildkitd-%d", i)
	}
	return list
}

func known(builds ...int) []Load {
	list := make([]Load, len(builds))
	for i, n := range builds {
		list[i] = Load{State: Known, Builds: n}
	}
	return list
}

func TestOrderIsTheSameForEachClient(t *testing.T) {
	forward := names(9)
	backward := slices.Clone(forward)
	slices.Reverse(backward)
	want := Order(forward, "/home/jane/app")
	if got := Order(backward, "/home/jane/app"); !slices.Equal(got, want) {
		t.Errorf("%q and %q", got, want)
	}
	if slices.Equal(want, forward) || !slices.IsSorted(forward) {
		t.Errorf("the order is %q, the members are %q", want, forward)
	}
	if got := Order(nil, "a"); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

// Clients of two versions share a builder: the order of a key must not change with a release.
func TestOrderStays(t *testing.T) {
	want := []string{"buildkitd-2", "buildkitd-1", "buildkitd-3", "buildkitd-0"}
	if got := Order(names(4), "git:github.com/org/repo"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChoose(t *testing.T) {
	pending, unusable := Load{}, Load{State: Unusable}
	k := func(builds int) Load { return Load{State: Known, Builds: builds} }
	for name, c := range map[string]struct {
		loads   []Load
		limit   int
		want    Choice
		decided bool
	}{
		"nothing known":                      {[]Load{pending, pending}, 0, Choice{}, false},
		"none usable":                        {[]Load{unusable, unusable}, 0, Choice{}, false},
		"no member":                          {nil, 0, Choice{}, false},
		"idle, others unknown":               {[]Load{k(0), pending, pending}, 0, Choice{}, true},
		"almost free, others unknown":        {[]Load{k(Free - 1), pending}, 0, Choice{}, true},
		"the first is awaited":               {[]Load{pending, k(0)}, 0, Choice{}, false},
		"busy, others are awaited":           {[]Load{k(Free), k(0), pending}, 0, Choice{}, false},
		"busy":                               {known(Free, 0, 0), 0, Choice{Index: 1, Why: Busy, Builds: Free, Mean: 4. / 3}, true},
		"busy as all are":                    {known(6, 6, 6), 0, Choice{}, true},
		"both of the first are busy":         {known(9, 8, 0), 0, Choice{Index: 2, Why: Busy, Builds: 9, Mean: 17. / 3}, true},
		"the first cannot be used":           {[]Load{unusable, k(1), pending}, 0, Choice{Index: 1, Why: Failed}, true},
		"one works, and is busy":             {[]Load{unusable, k(40), unusable}, 0, Choice{Index: 1, Why: Failed}, true},
		"unusable, busy, free":               {[]Load{unusable, k(9), k(0)}, 0, Choice{Index: 2, Why: Failed}, true},
		"busy, unusable, free":               {[]Load{k(9), unusable, k(0)}, 0, Choice{Index: 2, Why: Busy, Builds: 9, Mean: 4.5}, true},
		"a place is free elsewhere":          {known(2, 1), 2, Choice{Index: 1, Why: Busy, Builds: 2, Mean: 1.5}, true},
		"below the limit":                    {[]Load{k(1), pending}, 2, Choice{}, true},
		"all are full, the first no more":    {known(2, 2), 2, Choice{}, true},
		"all are full, one waits here":       {known(3, 2), 2, Choice{Index: 1, Why: Busy, Builds: 3, Mean: 2.5}, true},
		"many wait, a few more here":         {known(9, 8, 8, 8), 4, Choice{}, true},
		"many wait, too many here":           {known(10, 8, 7, 7), 4, Choice{Index: 1, Why: Busy, Builds: 10, Mean: 8}, true},
		"the last place is not for all":      {known(4, 4, 4, 3), 4, Choice{}, true},
		"half of the places are free":        {known(12, 12, 12, 2), 4, Choice{Index: 3, Why: Busy, Builds: 12, Mean: 9.5}, true},
		"a place below the limit":            {[]Load{k(Free + 1), pending}, Free + 2, Choice{}, true},
		"a limit that is above what is free": {[]Load{k(mostFree), k(0)}, 50, Choice{Index: 1, Why: Busy, Builds: mostFree, Mean: mostFree / 2}, true},
	} {
		if got, decided := Choose(c.loads, c.limit); got != c.want || decided != c.decided {
			t.Errorf("%s: got %+v, %v; want %+v, %v", name, got, decided, c.want, c.decided)
		}
	}
}

// Whatever the loads are, there is a member to choose, and none that gets a build has more than the
// bound; with a limit, no build waits while a member has half of its places free.
func TestChooseKeepsItsBound(t *testing.T) {
	random := newRandom(1)
	for range 20_000 {
		n, limit := 1+random.IntN(9), random.IntN(7)
		loads, sum, least := make([]Load, n), 0, 1<<30
		for i := range loads {
			loads[i] = Load{State: Known, Builds: random.IntN(20)}
			sum, least = sum+loads[i].Builds, min(least, loads[i].Builds)
		}
		choice, decided := Choose(loads, limit)
		if !decided {
			t.Fatalf("not decided: %v", loads)
		}
		after, mean := loads[choice.Index].Builds+1, float64(sum+1)/float64(n)
		if after > cmp.Or(limit, Free) && float64(after) > max(1.25*mean, mean+1) {
			t.Fatalf("%v: member %d gets a build, and has %d where the mean is %.2f", loads, choice.Index, after, mean)
		}
		if limit > 0 && after > limit && 2*least <= limit {
			t.Fatalf("%v with the limit %d: a build waits at member %d", loads, limit, choice.Index)
		}
	}
}

// An answer that comes later never changes what was decided without it.
func TestChooseDecidesOnce(t *testing.T) {
	random := newRandom(2)
	for range 20_000 {
		loads, limit := make([]Load, 1+random.IntN(5)), random.IntN(7)
		for i := range loads {
			loads[i] = Load{State: State(random.IntN(3)), Builds: random.IntN(9)}
		}
		early, decided := Choose(loads, limit)
		if !decided {
			continue
		}
		later := slices.Clone(loads)
		for i := range later {
			if later[i].State == Pending {
				later[i] = Load{State: Unusable + State(random.IntN(2)), Builds: random.IntN(9)}
			}
		}
		if got, _ := Choose(later, limit); got != early {
			t.Fatalf("%v leads to %+v, then %v to %+v", loads, early, later, got)
		}
	}
}

// Clients that start at once see the same loads. Those that do not fit on the first choice spread
// over the others all the same.
func TestBurstSpreadsUnseen(t *testing.T) {
	members := names(4)
	first := Order(members, "context")[0]
	count := map[string]int{}
	for target := range 600 {
		order := Prefer(members, "context", fmt.Sprint("target-", target))
		if order[0] != first || len(order) != len(members) {
			t.Fatalf("target %d has the order %q", target, order)
		}
		choice, _ := Choose(known(6, 0, 0, 0), 0)
		count[order[choice.Index]]++
	}
	for _, member := range members {
		if n := count[member]; member == first && n > 0 || member != first && (n < 170 || n > 230) {
			t.Errorf("of 600 builds, %s gets %d", member, n)
		}
	}
}
