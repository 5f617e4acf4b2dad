package stats

import (
	"slices"
	"strings"
	"time"
)

// State is how a build ended, or what it does.
type State string

// The states of a build.
const (
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Canceled  State = "canceled"
	Running   State = "running"
	Waiting   State = "waiting" // in the queue of its member
)

// Unknown is the user or the context of a build whose record does not have it.
const Unknown = "unknown"

// Build is what is counted of one build. Times are of its daemon's clock.
type Build struct {
	Ref                            string // of two builds with the same one, the first is counted
	Builder, Member, User, Context string
	State                          State
	// Duration is how long it took, without the time in the queue.
	Duration time.Duration
	// Queued reports whether it had to wait for other builds, and how long is known; it did so for
	// Wait, before it began.
	Queued bool
	Wait   time.Duration
	// Steps are those it had, Cached those that the cache had the result of.
	Steps, Cached int
	// Ran are the steps that ran.
	Ran []Step
}

// Step is one step of a build that ran.
type Step struct {
	Name     string
	Duration time.Duration
}

// longest bounds the durations, which a daemon may report to be anything.
const longest = 366 * 24 * time.Hour

func bounded(d time.Duration) time.Duration { return min(max(d, 0), longest) }

// clean returns the build with numbers that can be.
func (b Build) clean() Build {
	b.Duration, b.Wait = bounded(b.Duration), bounded(b.Wait)
	b.Steps = max(b.Steps, 0)
	b.Cached = min(max(b.Cached, 0), b.Steps)
	for _, name := range []*string{&b.User, &b.Context} {
		if *name == "" {
			*name = Unknown
		}
	}
	return b
}

// unique returns the builds, each reference once: members whose volumes are copies of one another
// have the same records.
func unique(builds []Build) []Build {
	seen := make(map[string]bool, len(builds))
	return slices.DeleteFunc(slices.Clone(builds), func(b Build) bool {
		again := seen[b.Ref]
		seen[b.Ref] = true
		return again
	})
}

// By is what builds are grouped by.
type By string

// The groups.
const (
	ByBuilder By = "builder"
	ByMember  By = "member"
	ByUser    By = "user"
	ByContext By = "context"
)

// Groupings returns the names of all groups, for help and errors.
func Groupings() string {
	return strings.Join([]string{string(ByBuilder), string(ByMember), string(ByUser), string(ByContext)}, ", ")
}

// Known reports whether builds can be grouped so.
func (by By) Known() bool {
	switch by {
	case ByBuilder, ByMember, ByUser, ByContext:
		return true
	}
	return false
}

func (by By) of(b Build) string {
	switch by {
	case ByBuilder:
		return b.Builder
	case ByMember:
		return b.Member
	case ByUser:
		return b.User
	}
	return b.Context
}
