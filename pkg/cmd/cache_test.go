package cmd

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcache"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

func aCache() cache {
	used := noon().Add(-time.Minute)
	record := func(member string, info client.UsageInfo) buildcache.Record {
		return buildcache.NewRecord(member, &info)
	}
	return cache{members: []string{"team-0", "team-1"}, records: []buildcache.Record{
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
	if err := (&output.Format{}).Print(&out, c.answer(noon())); err != nil {
		t.Fatal(err)
	}
	if err := c.printTotals(&out); err != nil {
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
	if err := printCacheRecords(&out, aCache().records, noon()); err != nil {
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
	if err := aCache().printFreed(&out); err != nil {
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

func TestPruneFlagsReachTheDaemon(t *testing.T) {
	for args, want := range map[string]solve.Pruning{
		"":     {},
		"team": {},
		"-a --filter until=1h --filter type=regular": {All: true, UnusedFor: time.Hour, Filters: []string{`type=="regular"`}},
		"--reserved-space 1k --max-used-space 10gb":  {ReservedBytes: 1024, MaxUsedBytes: 10 << 30},
		"--keep-storage 2m --min-free-space 1":       {ReservedBytes: 2 << 20, MinFreeBytes: 1},
	} {
		var got *pruneOptions
		parse(t, newPruneCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), func(_ context.Context, o *pruneOptions) error {
			got = o
			return nil
		}), strings.Fields(args)...)
		what, err := got.pruning()
		if err != nil || what.All != want.All || what.UnusedFor != want.UnusedFor || strings.Join(what.Filters, "|") != strings.Join(want.Filters, "|") ||
			what.ReservedBytes != want.ReservedBytes || what.MaxUsedBytes != want.MaxUsedBytes || what.MinFreeBytes != want.MinFreeBytes {
			t.Errorf("%q: %+v, %v", args, what, err)
		}
	}
}

func TestCareOfTheCacheMisuse(t *testing.T) {
	for args, says := range map[string]string{
		"du --filter colour=red":        `--filter "colour=red": unknown filter`,
		"du --sort-by colour":           `--sort-by "colour"`,
		"du -o xml":                     `--output "xml": unknown format`,
		"du a b":                        "at most one NAME",
		"prune --max-used-space much":   `--max-used-space "much"`,
		"prune --filter until=tomorrow": `--filter "until=tomorrow"`,
		"prune --transport pigeon":      "no such transport",
		"prune":                         "cannot prompt for confirmation",
		"logs --since 1ms":              `--since "1ms"`,
		"logs --tail -5":                `--tail "-5"`,
		"logs UPPER":                    "builder name",
		"list -o custom-columns=X":      "is not HEADER:PATH",
		"info -o jsonpath={":            "--output",
	} {
		stdout, stderr, code := call(t, strings.Fields(args)...)
		if code != explain.CodeUsage || stdout != "" || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit %d, %q", args, code, stderr)
		}
	}
}

func TestPruneAsks(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "Yes\n": true, "n\n": false, "\n": false, "what?\n": false} {
		streams, in, _, errOut := genericiooptions.NewTestIOStreams()
		in.WriteString(answer)
		f := newFactory(streams, noEnv)
		o := &pruneOptions{filters: []string{"type=regular"}, connect: connectOptions{builder: "team"}}
		if got, err := f.agree(t.Context(), o.question(`namespace "ns" of context "c"`)); err != nil || got != want {
			t.Errorf("%q: %v, %v", answer, got, err)
		}
		if !strings.Contains(errOut.String(), `that fits type=regular from every member of builder "team" in namespace "ns" of context "c". Continue? [y/N]`) {
			t.Errorf("asked %q", errOut)
		}
	}
}

func TestInfoOfSeveralMembers(t *testing.T) {
	created := noon().Add(-time.Hour)
	member := func(pod string) cluster.Member {
		return cluster.Member{
			Builder: "team", Namespace: "ns", Pod: pod, UID: pod, Node: "n1", Image: "img:1", Mode: "rootless", State: "Ready", Ready: true, Created: created,
		}
	}
	info := &solve.Info{
		Version: "v1", Revision: "abc", Cache: solve.Cache{Records: 2, TotalBytes: 1_500_000, InUseBytes: 20},
		Workers: []solve.Worker{{ID: "w", Labels: map[string]string{"os": "linux"}, GC: []solve.GCRule{{MaxUsedBytes: 1e9, KeepSeconds: 172800, Filters: []string{"type==a", "type==b"}}, {All: true, ReservedBytes: 5}}}},
	}
	heard := []driver.Answer[introduction]{{Member: member("team-0"), Value: introduction{info: info, connection: &cluster.Connection{Expires: noon().Add(48 * time.Hour)}}}}
	down := member("team-1")
	down.State, down.Ready = "ImagePullBackOff", false
	silent := &driver.NoAnswerError{Silent: []driver.NoAnswer{{Member: down, Err: &cluster.NotReadyError{Name: "team", Namespace: "ns", Pod: "team-1", Reason: "ImagePullBackOff"}}}}
	answer := infoAnswer("team", "ns", heard, nil, silent)

	var out strings.Builder
	fields := answer.Items[0].Fields.(builderFields)
	if err := printInfo(&out, "team", "ns", fields, false, noon()); err != nil {
		t.Fatal(err)
	}
	compare(t, out.String(), `Builder:        team
Namespace:      ns
Members:        2, 1 ready
Certificates:   valid until 2026-01-04 (2 days)

Pod:            team-0
Node:           n1
Mode:           rootless
Image:          img:1
BuildKit:       v1
Platforms:      <none>
Cache:          1.5MB in 2 records, 20B in use

Pod:            team-1
Node:           n1
State:          ImagePullBackOff
Mode:           rootless
Image:          img:1
BuildKit:       no answer: builder "team" in namespace "ns" is not ready: ImagePullBackOff
`)
	out.Reset()
	fields.Members = fields.Members[:1]
	if err := printInfo(&out, "team", "ns", fields, true, noon()); err != nil {
		t.Fatal(err)
	}
	compare(t, out.String(), `Builder:        team
Namespace:      ns
Certificates:   valid until 2026-01-04 (2 days)
Pod:            team-0
Node:           n1
State:          Ready
Mode:           rootless
Image:          img:1
Age:            60m
Restarts:       0
BuildKit:       v1
Revision:       abc
Platforms:      <none>
Cache:          1.5MB in 2 records, 20B in use
Worker:         w
  os:           linux
  GC rule 1:    uses at most 1GB, only unused for 2d, only type==a or type==b
  GC rule 2:    keeps at least 5B, internal records too
`)
}
