package main

import (
	"cmp"
	"slices"
	"time"
)

// ticket is a build that waits for a place and then takes it for its service time.
type ticket struct {
	arrived time.Time
	service time.Duration
}

// place is one of those that a member has.
type place struct {
	free time.Time  // when it has done what it has got so far
	away []interval // when it begins nothing, in the order of time
}

// begins returns when the place begins a ticket that arrives at that time.
func (p place) begins(arrived time.Time) time.Time {
	begin := arrived
	if p.free.After(begin) {
		begin = p.free
	}
	for _, each := range p.away {
		if !begin.Before(each.from) && begin.Before(each.to) {
			begin = each.to
		}
	}
	return begin
}

// idealWaits returns how long each ticket waits where one queue serves all places of all members, first come first
// served, and where nothing is lost on the way: the least that any queue of this order can have.
func idealWaits(tickets []ticket, places []place) []time.Duration {
	order := make([]int, len(tickets))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return tickets[a].arrived.Compare(tickets[b].arrived) })
	places, waits := slices.Clone(places), make([]time.Duration, len(tickets))
	for _, i := range order {
		chosen, begin := 0, places[0].begins(tickets[i].arrived)
		for p := range places {
			if earlier := places[p].begins(tickets[i].arrived); earlier.Before(begin) {
				chosen, begin = p, earlier
			}
		}
		waits[i] = begin.Sub(tickets[i].arrived)
		places[chosen].free = begin.Add(tickets[i].service)
	}
	return waits
}

// interval is a time in which something is busy; the end is not part of it.
type interval struct{ from, to time.Time }

// overlap returns how many of the intervals contain the same moment at most, and the first such moment.
func overlap(intervals []interval) (most int, when time.Time) {
	type edge struct {
		at    time.Time
		delta int
	}
	var edges []edge
	for _, each := range intervals {
		if each.from.Before(each.to) {
			edges = append(edges, edge{each.from, 1}, edge{each.to, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.delta, b.delta)) // ends come first
	})
	count := 0
	for _, each := range edges {
		if count += each.delta; count > most {
			most, when = count, each.at
		}
	}
	return most, when
}

// quantile returns the smallest value that is not exceeded by this share of them; 0 for none.
func quantile(values []time.Duration, share float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	i := int(share * float64(len(sorted)))
	if float64(i) == share*float64(len(sorted)) {
		i--
	}
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// hitRate is the share of steps that were not run, since a build had run them before. Each run has an identity of its
// own, which all builds see that wait for it together.
func hitRate(steps, runs int) float64 {
	if steps == 0 {
		return 0
	}
	return 1 - float64(runs)/float64(steps)
}

// oneMember returns how many steps the builds have, and how many of them one member would run that never forgets any.
func oneMember(jobs []job) (steps, runs int) {
	keys := map[string]bool{}
	for _, each := range jobs {
		for _, s := range each.steps {
			steps++
			keys[s.key] = true
		}
	}
	return steps, len(keys)
}
