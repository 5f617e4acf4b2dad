// Package buildcache is the vocabulary of a daemon's cache: its records, which of them are meant by
// a filter, and what they add up to.
//
// It must not know how a daemon is asked, nor how anything is printed.
package buildcache

import (
	"cmp"
	"slices"
	"time"

	"github.com/moby/buildkit/client"
)

// Record is one thing that a daemon keeps: a layer, a copy of a context, the content of a cache
// mount. Its JSON form is what commands print.
type Record struct {
	// ID names the record in its daemon.
	ID string `json:"id"`
	// Member is the Pod of the daemon.
	Member string `json:"member"`
	// Type is BuildKit's word: "regular", "source.local", "source.git.checkout", "exec.cachemount",
	// "frontend" or "internal"; empty for one that was removed, of which the daemon does not tell
	// it.
	Type        string `json:"type,omitempty"`
	Description string `json:"description,omitempty"`
	SizeBytes   int64  `json:"sizeBytes"`

	CreatedAt time.Time `json:"createdAt"`
	// LastUsedAt is nil for a record that no build has used again.
	LastUsedAt *time.Time `json:"lastUsedAt,omitempty"`
	UsageCount int        `json:"usageCount"`
	// Mutable records are written to by builds, e.g. cache mounts.
	Mutable bool `json:"mutable"`
	// InUse says that a build, or another record, needs it now; all others are Reclaimable.
	InUse       bool `json:"inUse"`
	Reclaimable bool `json:"reclaimable"`
	// Shared says that its bytes are also those of an image that the daemon has.
	Shared  bool     `json:"shared"`
	Parents []string `json:"parents,omitempty"`
}

// NewRecord is what the daemon in that Pod says of a record.
func NewRecord(member string, from *client.UsageInfo) Record {
	return Record{
		ID: from.ID, Member: member, Type: string(from.RecordType), Description: from.Description, SizeBytes: from.Size,
		CreatedAt: from.CreatedAt.UTC().Truncate(time.Second), LastUsedAt: whole(from.LastUsedAt), UsageCount: from.UsageCount,
		Mutable: from.Mutable, InUse: from.InUse, Reclaimable: !from.InUse, Shared: from.Shared, Parents: from.Parents,
	}
}

func whole(when *time.Time) *time.Time {
	if when == nil {
		return nil
	}
	second := when.UTC().Truncate(time.Second)
	return &second
}

// used is when the record was last of use: at the latest when it was made.
func (r Record) used() time.Time {
	if r.LastUsedAt != nil {
		return *r.LastUsedAt
	}
	return r.CreatedAt
}

// Orders are the words that Sort knows.
func Orders() []string { return []string{"size", "used", "age", "type"} }

// Sort orders the records: the largest, the longest unused or the oldest first, or by type; else
// the largest first. It is false for an unknown order.
func Sort(records []Record, order string) bool {
	first := func(Record, Record) int { return 0 }
	switch order {
	case "size":
	case "used":
		first = func(a, b Record) int { return a.used().Compare(b.used()) }
	case "age":
		first = func(a, b Record) int { return a.CreatedAt.Compare(b.CreatedAt) }
	case "type":
		first = func(a, b Record) int { return cmp.Compare(a.Type, b.Type) }
	default:
		return false
	}
	slices.SortStableFunc(records, func(a, b Record) int {
		return cmp.Or(first(a, b), cmp.Compare(b.SizeBytes, a.SizeBytes), cmp.Compare(a.Member, b.Member), cmp.Compare(a.ID, b.ID))
	})
	return true
}

// Totals are what records add up to. Shared and private bytes are all; what is reclaimable may be
// either.
type Totals struct {
	Records          int   `json:"records"`
	SizeBytes        int64 `json:"sizeBytes"`
	SharedBytes      int64 `json:"sharedBytes"`
	PrivateBytes     int64 `json:"privateBytes"`
	ReclaimableBytes int64 `json:"reclaimableBytes"`
}

// Sum adds records up. A size that the daemon does not know counts nothing.
func Sum(records []Record) Totals {
	totals := Totals{Records: len(records)}
	for _, record := range records {
		size := max(record.SizeBytes, 0)
		totals.SizeBytes += size
		if record.Shared {
			totals.SharedBytes += size
		} else {
			totals.PrivateBytes += size
		}
		if record.Reclaimable {
			totals.ReclaimableBytes += size
		}
	}
	return totals
}

// Group is a part of the cache: the records of one type, or of one member.
type Group struct {
	Name string `json:"name"`
	Totals
}

// GroupBy adds up the records of each name, in the order of the names.
func GroupBy(records []Record, name func(Record) string) []Group {
	parts := map[string][]Record{}
	var names []string
	for _, record := range records {
		key := name(record)
		if parts[key] == nil {
			names = append(names, key)
		}
		parts[key] = append(parts[key], record)
	}
	slices.Sort(names)
	groups := make([]Group, 0, len(names))
	for _, key := range names {
		groups = append(groups, Group{Name: key, Totals: Sum(parts[key])})
	}
	return groups
}
