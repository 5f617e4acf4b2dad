package queue

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Record is an active record of a daemon: a build, a ticket or a claim.
type Record struct {
	Ref        string
	Created    time.Time // by the daemon's clock
	Attributes map[string]string
}

// Build is a build that runs or waits. Its records, which may be several, count as one.
type Build struct {
	// Ref is the reference of the build, also while it waits and has no record of its own.
	Ref string
	// User is empty if the build is that of another client.
	User string
	// Name is what is built, as the client says; it may be empty.
	Name string
	// Since is when the build has queued or, if it did not, begun, by the daemon's clock.
	Since time.Time
	// Begun is when the build was admitted; of one that waits, when it has queued on this daemon.
	Begun time.Time
	// Attributes are those of its own record; before it has one, those of its ticket.
	Attributes map[string]string
	// Place is 0 for a build that runs, and 1 for the first of those that wait.
	Place int

	began   bool      // it has a record of its own
	claimed time.Time // when its first claim was created; zero without one
	claim   string    // the reference of that claim
	resumed bool
	rounded bool
	round   int // of its user's turns, as its oldest ticket or claim says
	rank    int // of one that waits: how many of its user's builds run or come before it
}

// running reports whether the build runs, or may begin at any time.
func (b *Build) running() bool { return b.began || b.resumed || !b.claimed.IsZero() }

// begun reports whether the build runs, whatever the limit.
func (b *Build) begun() bool { return b.began || b.resumed }

// compare orders builds, the oldest first.
func (b *Build) compare(other *Build) int {
	return cmp.Or(b.Since.Compare(other.Since), cmp.Compare(b.Ref, other.Ref))
}

// maxResumes is how often a build may have been resumed. Longer chains are a forger's, and would
// take long to follow.
const maxResumes = 32

// Group returns the builds that the records belong to, the oldest first.
func Group(records []Record) []Build { return values(sorted(group(records))) }

// group returns the builds by every reference that they have had. Records that name the same build
// are one, and so are a build and the one that it resumes.
//
// A forger can join a build of another user, which gives nothing but a share of that one's place,
// or have others pass over the claim of a build that has not begun yet, which gives no more than a
// build without a claim does. One cannot make one of two builds: only the oldest record of a build
// says what it resumes, and the reference of a build is not known to others before it has a record.
func group(records []Record) map[string]*Build {
	records = slices.Clone(records)
	slices.SortFunc(records, func(a, b Record) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Ref, b.Ref)) })
	tickets, resumes := make([]Ticket, len(records)), make(map[string]string, len(records)) // by build
	for i, record := range records {
		ticket, isTicket := Parse(record.Attributes)
		if !isTicket {
			ticket.Build = record.Ref
		}
		if _, known := resumes[ticket.Build]; !known {
			resumes[ticket.Build] = ticket.Resumes
		}
		tickets[i] = ticket
	}
	origins, builds := map[string]*Build{}, map[string]*Build{}
	for i, record := range records {
		first := origin(resumes, tickets[i].Build)
		if origins[first] == nil {
			origins[first] = &Build{Since: record.Created}
		}
		builds[tickets[i].Build] = origins[first]
		origins[first].add(record, tickets[i])
	}
	return builds
}

// origin follows what a build resumes to the first one that is active.
func origin(resumes map[string]string, ref string) string {
	for range maxResumes {
		former := resumes[ref]
		if _, active := resumes[former]; former == "" || !active {
			break
		}
		ref = former
	}
	return ref
}

// add adds a record, which is not older than those before it.
func (b *Build) add(record Record, ticket Ticket) {
	if b.User, b.Name = cmp.Or(b.User, ticket.User), cmp.Or(b.Name, ticket.Name); ticket.State == "" {
		b.began = true
		b.Ref, b.Begun, b.Attributes = record.Ref, record.Created, record.Attributes
		return
	}
	if !ticket.Queued.IsZero() && ticket.Queued.Before(b.Since) {
		b.Since = ticket.Queued
	}
	if !b.rounded {
		b.rounded, b.round = true, ticket.Round
	}
	switch {
	case ticket.State == Resumed:
		b.resumed = true
	case ticket.State == Claimed && b.claimed.IsZero():
		b.claimed, b.claim = record.Created, record.Ref
	case ticket.State == Waiting: // its claim was given up, and is listed for a moment more
		b.claimed, b.claim = time.Time{}, ""
	}
	if !b.began {
		b.Ref, b.Begun, b.Attributes = ticket.Build, record.Created, record.Attributes
	}
}

// sorted returns the builds once each, the oldest first.
func sorted(builds map[string]*Build) []*Build {
	once := map[*Build]bool{}
	for _, build := range builds {
		once[build] = true
	}
	return slices.SortedFunc(maps.Keys(once), (*Build).compare)
}

func values(builds []*Build) []Build {
	all := make([]Build, len(builds))
	for i, build := range builds {
		all[i] = *build
	}
	return all
}
