package queue

import (
	"cmp"
	"slices"
)

// Line is the order of the builds of a daemon at one moment.
type Line struct {
	limit   int
	builds  map[string]*Build // by every reference that they have had
	running []*Build
	waiting []*Build // in their order
}

// NewLine returns the line of a daemon that runs limit builds at a time. Builds that have not begun
// are left out if skipped, which may be nil, reports so of their reference.
//
// Users take turns: of the waiting builds, those come first that are their user's first, running
// ones included, then those that are the second, and so on. The round that a build has got when it
// queued keeps the builds that have ended meanwhile in the count. Within a round, a build that is
// now the first of its user comes before one that is the second, and then the oldest comes first.
func NewLine(records []Record, limit int, skipped func(ref string) bool) *Line {
	l := &Line{limit: limit, builds: group(records)}
	turns := map[string]turn{} // of the builds that run or wait, by user
	for _, build := range sorted(l.builds) {
		switch {
		case build.begun():
		case skipped != nil && skipped(build.Ref):
			continue
		case !build.running():
			l.waiting = append(l.waiting, build)
			continue
		}
		l.running = append(l.running, build)
		of := turns[build.User]
		turns[build.User] = turn{builds: of.builds + 1, last: max(of.last, build.round)}
	}
	slices.SortStableFunc(l.waiting, byTurn)
	for _, build := range l.waiting {
		of := turns[build.User]
		if build.rank = of.builds; of.builds > 0 {
			build.round = max(build.round, of.last+1)
		}
		turns[build.User] = turn{builds: of.builds + 1, last: build.round}
	}
	slices.SortStableFunc(l.waiting, byTurn)
	for i, build := range l.waiting {
		build.Place = i + 1
	}
	return l
}

// turn is what is known of a user's builds.
type turn struct {
	builds int
	last   int // the round of the last one
}

func byTurn(a, b *Build) int {
	return cmp.Or(cmp.Compare(a.round, b.round), cmp.Compare(a.rank, b.rank))
}

// Round returns the round of the build ref of that user, which is about to queue: after its user's
// last, and not before those that run. It is not before the first build that waits of a user who
// has none that runs either: else new users would pass that one without end.
func Round(records []Record, user, ref string) int {
	others := slices.DeleteFunc(slices.Clone(records), func(record Record) bool {
		ticket, _ := Parse(record.Attributes)
		return ticket.Build == ref
	})
	line, round := NewLine(others, 0, nil), 0
	for _, build := range slices.Concat(line.running, line.waiting) {
		switch {
		case build.User == user:
			round = max(round, build.round+1)
		case build.rank == 0:
			round = max(round, build.round)
		}
	}
	return round
}

// Running returns the builds that run, the oldest first.
func (l *Line) Running() []Build { return values(l.running) }

// Waiting returns the builds that wait, in their order.
func (l *Line) Waiting() []Build { return values(l.waiting) }

// Turn returns the place and the round of a waiting build, and whether it may claim. Other records
// that pretend to belong to the build do not keep it from that.
func (l *Line) Turn(ref string) (place, round int, yes bool) {
	free := l.limit
	for _, build := range l.running {
		if build != l.builds[ref] {
			free--
		}
	}
	place = 1
	if build := l.builds[ref]; build != nil && build.Place > 0 {
		place, round = build.Place, build.round
	}
	return place, round, place <= free
}

// Admits reports whether the build may begin: fewer builds than the limit run or have an older
// claim. A build that did not wait must also leave room for all that wait.
func (l *Line) Admits(claim Record, waited bool) bool {
	ticket, _ := Parse(claim.Attributes)
	before := 0
	for _, build := range l.running {
		if build != l.builds[ticket.Build] && (build.begun() || claimedBefore(build, claim)) {
			before++
		}
	}
	if !waited {
		before += len(l.waiting)
	}
	return before < l.limit
}

func claimedBefore(build *Build, claim Record) bool {
	return cmp.Or(build.claimed.Compare(claim.Created), cmp.Compare(build.claim, claim.Ref)) < 0
}

// due returns the builds, but for that one, which hold a place without having begun: their clients
// are about to begin them, or do not respond.
func (l *Line) due(but string) []string {
	var refs []string
	for _, build := range l.running {
		if !build.begun() && build != l.builds[but] {
			refs = append(refs, build.Ref)
		}
	}
	for _, build := range l.waiting {
		if build.Place <= l.limit-len(l.running) && build != l.builds[but] {
			refs = append(refs, build.Ref)
		}
	}
	return refs
}
