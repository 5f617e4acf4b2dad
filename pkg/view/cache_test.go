package view

import (
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcache"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
)

func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

func aCache() Cache {
	used := noon().Add(-time.Minute)
	record := func(member string, info client.UsageInfo) buildcache.Record {
		return buildcache.NewRecord(member, &info)
	}
	return Cache{Members: []string{"team-0", "team-1"}, Records: []buildcache.Record{
		record("team-0", client.UsageInfo{
			ID: "aaa", RecordType: "regular", Size: 1_500_000, CreatedAt: noon().Add(-time.Hour), LastUsedAt: &used, UsageCount: 3, Parents: []string{"p"},
			Description: "mount / from exec\nand more", Shared: true,
		}),
		record("team-0", client.UsageInfo{ID: "bbb", Size: 20, CreatedAt: noon(), RecordType: "exec.cachemount", Mutable: true, InUse: true}),
	}}
}

func TestCacheTable(t *testing.T) {
	var out strings.Builder
	c := aCache()
	if err := (&output.Format{}).Print(&out, c.Answer(noon())); err != nil {
		t.Fatal(err)
	}
	if err := c.PrintTotals(&out); err != nil {
		t.Fatal(err)
	}
	compare(t, out.String(), `MEMBER   ID    TYPE              SIZE    AGE   LAST USED   RECLAIMABLE   SHARED
team-0   aaa   regular           1.5MB   60m   60s         true          true
team-0   bbb   exec.cachemount   20B     0s    never       false         false

TYPE              RECORDS   SIZE    RECLAIMABLE   SHARED
exec.cachemount   1         20B     0B            0B
regular           1         1.5MB   1.5MB         1.5MB

MEMBER            RECORDS   SIZE    RECLAIMABLE   SHARED
team-0            2         1.5MB   1.5MB         1.5MB
team-1            0         0B      0B            0B
total             2         1.5MB   1.5MB         1.5MB
`)
}

func TestCacheInFull(t *testing.T) {
	var out strings.Builder
	if err := PrintRecords(&out, aCache().Records, noon()); err != nil {
		t.Fatal(err)
	}
	compare(t, out.String(), `ID:            aaa
Member:        team-0
Type:          regular
Description:   mount / from exec …
Size:          1.5MB
Created:       2026-01-02T11:00:00Z
Last used:     60s
Uses:          3
Reclaimable:   true
Shared:        true
Mutable:       false
Parents:       p

ID:            bbb
Member:        team-0
Type:          exec.cachemount
Size:          20B
Created:       2026-01-02T12:00:00Z
Last used:     never
Uses:          0
Reclaimable:   false
Shared:        false
Mutable:       true
`)
}

func TestFreedIsToldForEachMember(t *testing.T) {
	var out strings.Builder
	if err := aCache().PrintFreed(&out); err != nil {
		t.Fatal(err)
	}
	compare(t, out.String(), `MEMBER   RECORDS   FREED
team-0   2         1.5MB
team-1   0         0B
total    2         1.5MB
`)
}

func compare(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
