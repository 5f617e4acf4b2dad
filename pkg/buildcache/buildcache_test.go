package buildcache_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcache"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func TestParseFilter(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   string
		unused time.Duration
	}{
		{nil, "", 0},
		{[]string{"until=24h"}, "", 24 * time.Hour},
		{[]string{"unused-for=90m", "type=regular"}, `type=="regular"`, 90 * time.Minute},
		{[]string{"id=abc"}, `id~="^abc"`, 0},
		{[]string{"id!=abc"}, `id!="abc"`, 0},
		{[]string{"description~=apt, \"quoted\""}, `description~="apt, \"quoted\""`, 0},
		{[]string{"TYPE==exec.cachemount", "shared"}, `type=="exec.cachemount",shared`, 0},
		{[]string{"mutable=true"}, "mutable", 0},
		{[]string{"mutable=false", "private=0"}, "immutable,shared", 0},
		{[]string{"inuse=1", "parents~=x"}, `inuse,parents~="x"`, 0},
	} {
		got, err := buildcache.ParseFilter(test.values)
		if err != nil || got.Expression != test.want || got.UnusedFor != test.unused {
			t.Errorf("%q: %+v, %v; want %q", test.values, got, err, test.want)
		}
	}
}

func TestParseFilterRefuses(t *testing.T) {
	for _, values := range [][]string{
		{"colour=red"}, {"until"}, {"until=yesterday"}, {"until=-1h"}, {"until!=1h"}, {"until=1h", "unused-for=1h"}, {"type"},
		{"type="}, {"type=a", "type=b"}, {"inuse=maybe"}, {"inuse=false"}, {"shared~=true"}, {""}, {"="},
	} {
		_, err := buildcache.ParseFilter(values)
		var refused *usage.Error
		if !errors.As(err, &refused) || refused.Reason == "" {
			t.Errorf("%q: %v", values, err)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{"until=24h", "id=abc", "description~=a,b", "shared=false", "!~=", "type!==x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		filter, err := buildcache.ParseFilter([]string{value})
		if err == nil && filter.Expression == "" && filter.UnusedFor <= 0 {
			t.Errorf("%q means nothing", value)
		}
	})
}

func at(hours int) time.Time { return time.Date(2026, 1, 2, hours, 0, 0, 0, time.UTC) }

func records() []buildcache.Record {
	used := at(9)
	return []buildcache.Record{
		buildcache.NewRecord("m-0", &client.UsageInfo{ID: "small", Size: 10, CreatedAt: at(1), LastUsedAt: &used, RecordType: "source.local"}),
		buildcache.NewRecord("m-1", &client.UsageInfo{ID: "big", Size: 300, CreatedAt: at(3), InUse: true, Shared: true, RecordType: "regular"}),
		buildcache.NewRecord("m-1", &client.UsageInfo{ID: "unknown", Size: -1, CreatedAt: at(2), RecordType: "regular"}),
	}
}

func TestSort(t *testing.T) {
	for order, want := range map[string][]string{
		"size": {"big", "small", "unknown"},
		"used": {"unknown", "big", "small"},
		"age":  {"small", "unknown", "big"},
		"type": {"big", "unknown", "small"},
	} {
		sorted := records()
		if !slices.Contains(buildcache.Orders(), order) || !buildcache.Sort(sorted, order) {
			t.Errorf("unknown order %q", order)
		}
		var got []string
		for _, record := range sorted {
			got = append(got, record.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", order, got, want)
		}
	}
	if buildcache.Sort(records(), "colour") {
		t.Error("an unknown order is accepted")
	}
}

func TestTotals(t *testing.T) {
	want := buildcache.Totals{Records: 3, SizeBytes: 310, SharedBytes: 300, PrivateBytes: 10, ReclaimableBytes: 10}
	if got := buildcache.Sum(records()); got != want {
		t.Errorf("got %+v", got)
	}
	groups := buildcache.GroupBy(records(), func(r buildcache.Record) string { return r.Type })
	if len(groups) != 2 || groups[0].Name != "regular" || groups[0].SizeBytes != 300 || groups[0].Records != 2 || groups[1].SizeBytes != 10 {
		t.Errorf("got %+v", groups)
	}
}

func TestFitsLooksAtTheLastUse(t *testing.T) {
	filter := buildcache.Filter{UnusedFor: 2 * time.Hour}
	all := records()
	if filter.Fits(all[0], at(10)) || !filter.Fits(all[0], at(11)) || !filter.Fits(all[1], at(5)) {
		t.Error("the last use does not count, or the creation does not where there is none")
	}
	if !(buildcache.Filter{}).Fits(all[0], at(0)) {
		t.Error("no filter is all")
	}
}
