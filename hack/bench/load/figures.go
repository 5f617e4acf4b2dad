package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// figures are what a recording amounts to.
type figures struct {
	contender string
	limit     int
	members   int
	recording

	lost      []outcome
	took      []time.Duration // from the start of its client to its end, of each build that is done
	perMinute float64
	unseen    int             // builds that are done, which no daemon reported
	repeated  int             // builds that began a second time
	asking    []time.Duration // from the start of a client until a daemon knows its build
	waits     []time.Duration // of each build at the daemons, until its first step
	ideal     []time.Duration // the same in the ideal queue; none without a limit
	idealLess []time.Duration // the same where the ideal queue loses the members that were not ready
	service   []time.Duration // of each attempt, from its first step to its end
	most      int             // builds that ran on one member at once
	mostAt    string          // where and when
	crowd     []attempt       // which
	steps     int             // of the builds that are done
	runs      int             // steps that were run for them
	oneRuns   int             // steps that one member would have run
}

// evaluate works the figures out.
func evaluate(c contender, s shape, seen recording) figures {
	f := figures{contender: c.name(), limit: c.limit(), members: s.members, recording: seen}
	last, done := seen.start, []job(nil)
	for _, o := range seen.outcomes {
		if o.ended.After(last) {
			last = o.ended
		}
		if o.failure != nil {
			f.lost = append(f.lost, o)
			continue
		}
		f.took, done = append(f.took, o.took()), append(done, o.job)
	}
	if last.After(seen.start) {
		f.perMinute = float64(len(f.took)) / last.Sub(seen.start).Minutes()
	}
	f.steps, f.oneRuns = oneMember(done)
	f.runs = runsOf(done, seen.attempts)
	f.queue(last)
	f.countBusy(last)
	return f
}

// queue compares the waits with those of the ideal queue.
func (f *figures) queue(last time.Time) {
	of := map[string][]attempt{}
	for _, a := range f.attempts {
		of[a.job] = append(of[a.job], a)
	}
	var tickets []ticket
	var owner []int // the build of each ticket, by its place in f.waits
	for _, o := range f.outcomes {
		attempts := of[o.job.id]
		mine, wait := ticketsOf(attempts, last)
		if len(mine) == 0 {
			if o.failure == nil {
				f.unseen++
			}
			continue
		}
		if len(mine) > 1 {
			f.repeated++
		}
		f.asking = append(f.asking, mine[0].arrived.Sub(o.began))
		for _, t := range mine {
			owner = append(owner, len(f.waits))
			f.service = append(f.service, t.service)
		}
		tickets = append(tickets, mine...)
		f.waits = append(f.waits, wait)
	}
	if f.limit == 0 {
		return
	}
	f.ideal, f.idealLess = make([]time.Duration, len(f.waits)), make([]time.Duration, len(f.waits))
	for i, wait := range idealWaits(tickets, f.places(nil)) {
		f.ideal[owner[i]] += wait
	}
	for i, wait := range idealWaits(tickets, f.places(f.away)) {
		f.idealLess[owner[i]] += wait
	}
}

// places returns those of all members, which were not ready at these times.
func (f *figures) places(away [][]interval) []place {
	all := make([]place, f.members*f.limit)
	for i := range all {
		if member := i / f.limit; member < len(away) {
			all[i].away = away[member]
		}
	}
	return all
}

// ticketsOf returns what a build took of the members, and how long it waited there in all. A build that was lost with its
// member waits again from that moment.
func ticketsOf(attempts []attempt, last time.Time) (tickets []ticket, wait time.Duration) {
	attempts = slices.Clone(attempts)
	slices.SortFunc(attempts, func(a, b attempt) int { return a.created.Compare(b.created) })
	var arrived time.Time
	for _, a := range attempts {
		if arrived.IsZero() {
			if arrived = a.created; !a.queued.IsZero() && a.queued.Before(arrived) {
				arrived = a.queued
			}
		}
		if a.began.IsZero() { // it left before its turn, and waits elsewhere
			continue
		}
		end := a.end()
		if end.IsZero() {
			end = last
		}
		if a.began.Before(arrived) { // beside an attempt that the client had given up
			arrived = a.created
		}
		tickets = append(tickets, ticket{arrived, end.Sub(a.began)})
		wait += a.began.Sub(arrived)
		arrived = end
	}
	return tickets, wait
}

// runsOf returns how many steps were run for these builds, those that were lost with a member included.
func runsOf(jobs []job, attempts []attempt) int {
	asked, runs := map[string]bool{}, map[string]bool{}
	for _, each := range jobs {
		asked[each.id] = true
	}
	for _, a := range attempts {
		for run := range a.ran {
			if asked[a.job] {
				runs[run] = true
			}
		}
	}
	return len(runs)
}

// countBusy finds how many builds ran on a member at once.
func (f *figures) countBusy(last time.Time) {
	busy, name := map[string][]interval{}, map[string]string{}
	for _, a := range f.attempts {
		if a.began.IsZero() {
			continue
		}
		end := a.end()
		if end.IsZero() {
			end = last
		}
		busy[a.uid], name[a.uid] = append(busy[a.uid], interval{a.began, end}), a.pod
	}
	for uid, intervals := range busy {
		if most, when := overlap(intervals); most > f.most {
			f.most, f.mostAt = most, fmt.Sprintf("%s, %.3f s after the start", name[uid], when.Sub(f.start).Seconds())
			f.crowd = slices.DeleteFunc(slices.Clone(f.attempts), func(a attempt) bool {
				end := a.end()
				return a.uid != uid || a.began.IsZero() || a.began.After(when) || !end.IsZero() && !end.After(when)
			})
		}
	}
}

// ratio is our hit rate by that of one member.
func (f *figures) ratio() float64 {
	one := hitRate(f.steps, f.oneRuns)
	if one == 0 {
		return 0
	}
	return hitRate(f.steps, f.runs) / one
}

// verdict is what no machine excuses.
func (f *figures) verdict() error {
	var errs []error
	if len(f.outcomes) == 0 {
		errs = append(errs, errors.New("there was no build"))
	}
	for _, hit := range f.blows {
		if hit.failure != nil { // the load was not what the schedule says
			errs = append(errs, fmt.Errorf("%s of member %d: %w", hit.kind, hit.member, hit.failure))
		}
	}
	if len(f.lost) > 0 {
		errs = append(errs, fmt.Errorf("%d of %d builds are lost", len(f.lost), len(f.outcomes)))
	}
	if f.limit > 0 && f.most > f.limit {
		errs = append(errs, fmt.Errorf("%d builds ran at once on a member that may run %d: %s", f.most, f.limit, f.mostAt))
	}
	if f.unseen*20 > len(f.outcomes) { // else the limit would be kept by what was not seen
		errs = append(errs, fmt.Errorf("the daemons reported nothing of %d of %d builds", f.unseen, len(f.outcomes)))
	}
	return errors.Join(errs...)
}
