package view

import (
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcache"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
)

// Cache is what members keep, or have removed.
type Cache struct {
	Records []buildcache.Record
	// Members are all that answered, also those without a record.
	Members []string
}

// CacheOf joins the records of all members that answered.
func CacheOf(heard []driver.Answer[[]buildcache.Record]) Cache {
	var c Cache
	for _, each := range heard {
		c.Members = append(c.Members, each.Member.Pod)
		c.Records = append(c.Records, each.Value...)
	}
	return c
}

// byMember are the totals of every member that answered.
func (c Cache) byMember() []buildcache.Group {
	var groups []buildcache.Group
	for _, member := range c.Members {
		var own []buildcache.Record
		for _, record := range c.Records {
			if record.Member == member {
				own = append(own, record)
			}
		}
		groups = append(groups, buildcache.Group{Name: member, Totals: buildcache.Sum(own)})
	}
	return groups
}

func (c Cache) byType() []buildcache.Group {
	return buildcache.GroupBy(c.Records, func(r buildcache.Record) string { return r.Type })
}

// Answer has one line a record. The member is told where there are several.
func (c Cache) Answer(now time.Time) output.Answer {
	answer := output.Answer{
		Kind: "CacheRecord",
		Beside: map[string]any{
			"totals": buildcache.Sum(c.Records), "types": c.byType(), "members": c.byMember(),
		},
		Columns: []output.Column{
			{Name: "Member", Wide: len(c.Members) < 2}, {Name: "ID"}, {Name: "Type"}, {Name: "Size"}, {Name: "Age"}, {Name: "Last used"},
			{Name: "Reclaimable"}, {Name: "Shared"}, {Name: "Uses", Wide: true}, {Name: "Mutable", Wide: true}, {Name: "Description", Wide: true},
		},
	}
	for _, r := range c.Records {
		answer.Items = append(answer.Items, output.Item{Name: r.ID, Fields: r, Cells: []any{
			r.Member, r.ID, r.Type, size(r.SizeBytes), ago(&r.CreatedAt, now), ago(r.LastUsedAt, now),
			r.Reclaimable, r.Shared, r.UsageCount, r.Mutable, firstLine(r.Description),
		}})
	}
	return answer
}

// PrintTotals adds up by type, by member where there are several, and all.
func (c Cache) PrintTotals(w io.Writer) error {
	tw := printers.GetNewTabWriter(w)
	line := func(cells ...any) { escape.Fprintf(tw, strings.Repeat("%v\t", len(cells)-1)+"%v\n", cells...) }
	rows := func(title string, groups []buildcache.Group) {
		escape.Fprintln(tw)
		line(title, "RECORDS", "SIZE", "RECLAIMABLE", "SHARED")
		for _, g := range groups {
			line(g.Name, g.Records, size(g.SizeBytes), size(g.ReclaimableBytes), size(g.SharedBytes))
		}
	}
	if types := c.byType(); len(types) > 0 {
		rows("TYPE", types)
	}
	if len(c.Members) > 1 {
		rows("MEMBER", c.byMember())
	}
	all := buildcache.Sum(c.Records)
	line("total", all.Records, size(all.SizeBytes), size(all.ReclaimableBytes), size(all.SharedBytes))
	return tw.Flush()
}

// PrintFreed tells what was removed, by member where there are several.
func (c Cache) PrintFreed(w io.Writer) error {
	tw := printers.GetNewTabWriter(w)
	escape.Fprintf(tw, "MEMBER\tRECORDS\tFREED\n")
	for _, g := range c.byMember() {
		escape.Fprintf(tw, "%s\t%d\t%s\n", g.Name, g.Records, size(g.SizeBytes))
	}
	if len(c.Members) > 1 {
		all := buildcache.Sum(c.Records)
		escape.Fprintf(tw, "total\t%d\t%s\n", all.Records, size(all.SizeBytes))
	}
	return tw.Flush()
}

// PrintRecords prints all that is known, one fact a line.
func PrintRecords(w io.Writer, records []buildcache.Record, now time.Time) error {
	tw := printers.GetNewTabWriter(w)
	fact := func(name string, value any) { escape.Fprintf(tw, "%s:\t%v\n", name, value) }
	for i, r := range records {
		if i > 0 {
			escape.Fprintln(tw)
		}
		fact("ID", r.ID)
		fact("Member", r.Member)
		if r.Type != "" {
			fact("Type", r.Type)
		}
		if r.Description != "" {
			fact("Description", firstLine(r.Description))
		}
		fact("Size", size(r.SizeBytes))
		fact("Created", r.CreatedAt.Format(time.RFC3339))
		fact("Last used", ago(r.LastUsedAt, now))
		fact("Uses", r.UsageCount)
		fact("Reclaimable", r.Reclaimable)
		fact("Shared", r.Shared)
		fact("Mutable", r.Mutable)
		if len(r.Parents) > 0 {
			fact("Parents", strings.Join(r.Parents, ","))
		}
	}
	return tw.Flush()
}

// ago is how long ago something was, as kubectl says it.
func ago(when *time.Time, now time.Time) string {
	if when == nil {
		return "never"
	}
	return duration.HumanDuration(max(now.Sub(*when), 0))
}

func firstLine(text string) string {
	first, _, more := strings.Cut(text, "\n")
	if more {
		first += " …"
	}
	return first
}
