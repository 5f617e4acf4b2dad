package queue

import (
	"time"
)

const (
	// idleAfter is how long a build may leave a place unused. Its client is about to begin it, or
	// its connection is a network blackhole, which the daemon notices only after minutes.
	idleAfter = 30 * time.Second
	// gapAfter is the time without a look from on which nothing is known of the others: this
	// process was suspended, or could not reach the daemon.
	gapAfter = 15 * time.Second
)

// Idle finds the builds that do not use their turn. Its zero value has seen nothing.
type Idle struct {
	since  map[string]time.Time // by build, of those that are due
	looked time.Time
}

// Look returns the line without the builds that have been due for too long. The build ref is the
// caller's own. Now is the caller's clock.
func (i *Idle) Look(now time.Time, records []Record, limit int, ref string) *Line {
	if i.since == nil || now.Sub(i.looked) > gapAfter {
		i.since = map[string]time.Time{}
	}
	i.looked = now
	skipped, seen := map[string]bool{}, map[string]time.Time{}
	for {
		line := NewLine(records, limit, func(build string) bool { return skipped[build] })
		more := false
		for _, build := range line.due(ref) {
			since, known := i.since[build]
			if !known {
				since = now
			}
			seen[build] = since
			if now.Sub(since) >= idleAfter {
				skipped[build], more = true, true
			}
		}
		if !more {
			i.since = seen
			return line
		}
	}
}

// Next returns when the next build will have been due for too long; zero if none is due.
func (i *Idle) Next() time.Time {
	var next time.Time
	for _, since := range i.since {
		if at := since.Add(idleAfter); at.After(i.looked) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}
