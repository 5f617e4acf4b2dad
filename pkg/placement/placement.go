// Package placement decides which member of a builder gets a build: the one that has its cache,
// unless that one is busy or cannot be used.
//
// It is arithmetic alone: a rendezvous hash, whose order is the same for everyone who asks, with a
// bounded load. It knows neither half and asks nothing.
package placement

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
)

// Free is how many builds a member without a limit may have before it counts as busy, whatever the
// others do: steps share its CPUs well, and every build that goes elsewhere builds anew what the
// first choice has. Of 50 users' builds on four members, 0.95 of those that one member for all
// would find cached were found with 3, and 0.98 with 4.
const Free = 4

// mostFree is Free at most where the builder has a limit, which says how many builds a member can
// run. One that is far above it protects a member, and should not leave the others idle.
const mostFree = 2 * Free

// The bound of the load is spread : 1 of the mean.
const (
	spreadOver  = 5
	spreadUnder = 4
)

// Order returns the members in the order in which builds of a key prefer them. The order is the
// same for each client, keys are spread evenly, and where a member comes or goes only its own keys
// move: 1/N of them.
func Order(members []string, key string) []string {
	type weighed struct {
		member string
		weight uint64
	}
	all := make([]weighed, len(members))
	for i, member := range members {
		all[i] = weighed{member, weight(member, key)}
	}
	slices.SortFunc(all, func(a, b weighed) int {
		if a.weight != b.weight {
			return cmp.Compare(b.weight, a.weight)
		}
		return cmp.Compare(a.member, b.member)
	})
	order := make([]string, len(all))
	for i, each := range all {
		order[i] = each.member
	}
	return order
}

// Prefer is Order for builds of one key of which each is about a part of it, e.g. the targets of a
// context: all have one first choice, since they share its cache, and each part has its own order
// of the others. Clients that start at once do not see each other's builds yet: with one order,
// all that the first choice does not take would go to the second.
func Prefer(members []string, key, part string) []string {
	order := Order(members, key)
	if part == "" || len(order) == 0 {
		return order
	}
	return append(order[:1:1], Order(order[1:], key+"\x00"+part)...)
}

func weight(member, key string) uint64 {
	hash := fnv.New64a()
	// A hash never refuses a write.
	_, _ = hash.Write([]byte(key + "\x00" + member))
	// FNV alone spreads the last bytes badly; this is the finisher of MurmurHash3.
	sum := hash.Sum64()
	sum ^= sum >> 33
	sum *= 0xff51afd7ed558ccd
	sum ^= sum >> 33
	return sum
}

// Load is what is known of a member's load.
type Load struct {
	State  State
	Builds int // that are active, of Known
}

// State says whether a load is known.
type State int

// The states of a load.
const (
	Pending State = iota // it has not been reported yet
	Unusable
	Known
)

// Choice is the member that gets a build.
type Choice struct {
	// Index is its place in the order; the first choice is 0.
	Index int
	// Why says why it is not the first choice.
	Why Reason
	// Builds are those of the first choice, and Mean is that of all members whose load is known; of
	// Busy.
	Builds int
	Mean   float64
}

// Reason is why a member was chosen.
type Reason int

// The reasons of a choice.
const (
	First  Reason = iota // it is the first choice
	Busy                 // the first choice has too many builds
	Failed               // the first choice cannot be used
)

// Choose returns the first member in the order whose load is within the bound, given the loads in
// that order and the number of builds that a member runs at once, or 0 without a limit. It is
// decided as soon as no load that is still pending can change it, and never where no member is
// usable.
//
// With n members and m active builds, those that wait included, a member with fewer builds than
// this gets the next one:
//
//	max(free, ⌊1.25 × (m+1) / n⌋, ⌈(m+1) / n⌉)
//
// The first term is Free or, with a limit, that limit up to mostFree. The second keeps the fullest
// of many at 1.25 times the mean, counting the build that is placed: each was below the bound when
// it got its last one, and the bound only grows with m. It is rounded down, for 50 builds on four
// members would be 16 : 12.5 = 1.28 otherwise. The third is what the least busy member is always
// below, so that there is one to choose.
//
// With a limit, no build waits while a member has half of its places free. Where all members have
// less than that, a build may wait for the one that has its cache, though another one has a place:
// there it would begin at once, and take that place for as long as it takes to build everything
// anew.
func Choose(loads []Load, limit int) (choice Choice, decided bool) {
	first := slices.IndexFunc(loads, func(l Load) bool { return l.State != Unusable })
	if first < 0 || loads[first].State == Pending {
		return Choice{}, false
	}
	failed := func(index int) Choice {
		if index > 0 && first > 0 {
			return Choice{Index: index, Why: Failed}
		}
		return Choice{Index: index}
	}
	free := Free
	if limit > 0 {
		free = min(limit, mostFree)
	}
	if loads[first].Builds < free {
		return failed(first), true
	}
	members, builds, least := 0, 0, math.MaxInt
	for _, load := range loads {
		switch load.State {
		case Pending:
			return Choice{}, false
		case Known:
			members, builds, least = members+1, builds+load.Builds, min(least, load.Builds)
		case Unusable:
		}
	}
	most := max(free, spreadOver*(builds+1)/(spreadUnder*members), (builds+members)/members)
	if limit > 0 && least <= limit/2 {
		most = min(most, limit)
	}
	index := slices.IndexFunc(loads, func(l Load) bool { return l.State == Known && l.Builds < most })
	if index == first || first > 0 {
		return failed(index), true
	}
	return Choice{Index: index, Why: Busy, Builds: loads[0].Builds, Mean: float64(builds) / float64(members)}, true
}
