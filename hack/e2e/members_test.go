package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// What a builder's members keep is one to its user: caches, logs and records of builds, whichever member has them.
func TestTwoMembers(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder("--replicas", "2")
	refs := u.buildOnBoth()
	u.buildkit("du", "buildkitd-1").exits(3).says(`no builder "buildkitd-1"`, "there are: buildkitd")

	t.Run("history", func(t *testing.T) { bothHistories(t, u.in(t), refs) })
	t.Run("du", func(t *testing.T) { bothCaches(t, u.in(t)) })
	t.Run("logs", func(t *testing.T) { bothLogs(t, u.in(t)) })
	t.Run("prune", func(t *testing.T) { prunesBoth(t, u.in(t)) })
}

// buildOnBoth builds in new directories, of which each has a member that it prefers, until both members have built. It
// returns the ref of each member's first build.
func (u *user) buildOnBoth() map[string]string {
	u.t.Helper()
	refs := map[string]string{}
	for i := range 20 {
		if len(refs) == 2 {
			return refs
		}
		word := fmt.Sprintf("built-as-%d", i)
		u.buildkit("build", "--label", "word="+word, dockerfile(u.t, "FROM BASE", "RUN --mount=type=cache,target=/cache echo "+word+" | tee /cache/word")).ok()
		newest := u.builds()[0]
		if member := newest["member"].(string); refs[member] == "" {
			refs[member] = newest["ref"].(string)
		}
	}
	u.t.Fatalf("20 directories lead to %v alone", refs)
	return nil
}

func bothHistories(t *testing.T, u *user, refs map[string]string) {
	if got := slices.Sorted(maps.Keys(refs)); !slices.Equal(got, []string{"buildkitd-0", "buildkitd-1"}) {
		t.Fatalf("builds on %q", got)
	}
	table := u.buildkit("history", "list").ok().stdout
	for member, ref := range refs {
		if !strings.Contains(table, ref) || !strings.Contains(table, member) {
			t.Errorf("no build of %s in\n%s", member, table)
		}
		var details struct{ Ref, Member, Status string }
		if err := json.Unmarshal([]byte(u.buildkit("history", "inspect", ref, "--format", "json").ok().stdout), &details); err != nil {
			t.Fatal(err)
		}
		if details.Ref != ref || details.Member != member || details.Status != "completed" {
			t.Errorf("%s of %s: %+v", ref, member, details)
		}
		if out := u.buildkit("history", "logs", ref[:12]).ok().stdout; !strings.Contains(out, "built-as-") {
			t.Errorf("the log of %s lacks what it printed\n%s", ref, out)
		}
		path := filepath.Join(u.home, ref)
		u.buildkit("history", "export", ref, "-o", path).ok()
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("the bundle of %s: %v, %v", ref, info, err)
		}
	}
	// A wrong one among them, and nothing is removed.
	all := slices.Collect(maps.Values(refs))
	u.buildkit(append([]string{"history", "rm", "no-such-build"}, all...)...).exits(1).says("no-such-build")
	before := len(u.builds())
	u.buildkit(append([]string{"history", "rm"}, all...)...).ok()
	if after := len(u.builds()); after != before-2 {
		t.Errorf("%d builds of %d are left after two were removed", after, before)
	}
}

// caches is what du and prune say with -o json.
type caches struct {
	Items   []cacheRecord
	Totals  cacheTotals
	Members []struct {
		Name string
		cacheTotals
	}
}

type cacheRecord struct {
	Member, Type string
	SizeBytes    int64
}

type cacheTotals struct {
	Records   int
	SizeBytes int64
}

// caches checks that the answer adds up, over both members.
func (u *user) caches(args ...string) caches {
	u.t.Helper()
	said := u.buildkit(append(args, "-o", "json")...).ok()
	var got caches
	if err := json.Unmarshal([]byte(said.stdout), &got); err != nil {
		u.t.Fatal(err)
	}
	sums := map[string]cacheTotals{}
	for _, item := range got.Items {
		for _, name := range []string{"", item.Member} {
			sum := sums[name]
			sums[name] = cacheTotals{Records: sum.Records + 1, SizeBytes: sum.SizeBytes + item.SizeBytes}
		}
	}
	if got.Totals != sums[""] || len(got.Members) != 2 {
		u.t.Errorf("the records add up to %+v\n%s", sums[""], said.all())
	}
	for i, member := range got.Members {
		if member.Name != fmt.Sprintf("buildkitd-%d", i) || member.cacheTotals != sums[member.Name] {
			u.t.Errorf("the records of %s add up to %+v\n%s", member.Name, sums[member.Name], said.all())
		}
	}
	return got
}

func bothCaches(t *testing.T, u *user) {
	all := u.caches("du")
	for _, member := range all.Members {
		if member.Records < 3 || member.SizeBytes < 1<<20 {
			t.Errorf("a build with a base image left little: %+v", member)
		}
	}
	if !slices.IsSortedFunc(all.Items, func(a, b cacheRecord) int { return int(b.SizeBytes - a.SizeBytes) }) {
		t.Errorf("not the largest first: %+v", all.Items)
	}
	mounts := u.caches("du", "--filter", "type=exec.cachemount")
	if len(mounts.Items) != 2 || mounts.Items[0].Member == mounts.Items[1].Member || mounts.Items[0].Type != "exec.cachemount" {
		t.Errorf("a cache mount each, not %+v", mounts.Items)
	}
	if old := u.caches("du", "--filter", "until=24h"); len(old.Items) > 0 {
		t.Errorf("a day old: %+v", old.Items)
	}
	table := u.buildkit("du", "--sort-by", "type").ok().stdout
	for _, row := range []string{"\nTYPE  ", "\nexec.cachemount   2  ", "\nMEMBER  ", "\nbuildkitd-0  ", "\nbuildkitd-1  ", "\ntotal  "} {
		if !strings.Contains(table, row) {
			t.Errorf("no %q in\n%s", row, table)
		}
	}
	u.buildkit("du", "--sort-by", "colour").exits(2).says("--sort-by", "size, used, age, type")
}

func bothLogs(t *testing.T, u *user) {
	lines := strings.Split(strings.TrimSpace(u.buildkit("logs", "--tail", "1").ok().stdout), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "[buildkitd-0] ") || !strings.HasPrefix(lines[1], "[buildkitd-1] ") {
		t.Errorf("got %q", lines)
	}
	following := u.begin("logs", "--follow", "--tail", "1")
	u.eventually("both members are followed", func() bool {
		out := following.stdout.String()
		return strings.Contains(out, "[buildkitd-0] ") && strings.Contains(out, "[buildkitd-1] ")
	})
	if err := syscall.Kill(following.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	following.ends(130)
}

func prunesBoth(t *testing.T, u *user) {
	before := u.caches("du")
	u.buildkit("prune").exits(2).says("every member", "--force")
	if kept := u.caches("prune", "--force", "--reserved-space", "1gb"); kept.Totals.Records != 0 {
		t.Errorf("removed what was to be kept: %+v", kept)
	}
	mounts := u.caches("prune", "--force", "--filter", "type=exec.cachemount")
	if mounts.Totals.Records != 2 || u.caches("du", "--filter", "type=exec.cachemount").Totals.Records != 0 {
		t.Errorf("freed %+v", mounts)
	}
	u.buildkit("prune", "--force", "--max-used-space", "much").exits(2).says("--max-used-space", "much")
	some := u.caches("prune", "--force", "--max-used-space", "3mb")
	rest := u.caches("prune", "--all", "--force")
	if some.Totals.Records == 0 || mounts.Totals.SizeBytes+some.Totals.SizeBytes+rest.Totals.SizeBytes != before.Totals.SizeBytes {
		t.Errorf("of %d bytes there were freed %d, %d and %d", before.Totals.SizeBytes, mounts.Totals.SizeBytes, some.Totals.SizeBytes, rest.Totals.SizeBytes)
	}
	if left := u.caches("du"); left.Totals.Records != 0 {
		t.Errorf("left: %+v", left)
	}
	if said := u.buildkit("prune", "--force").ok().stdout; !strings.Contains(said, "MEMBER        RECORDS   FREED\nbuildkitd-0   0         0B\n") {
		t.Errorf("got\n%s", said)
	}
}

// A build goes to the member that has its context's cache, and says so; to another one while that is busy or away.
func TestChoiceOfMember(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder("--replicas", "3")
	members := []string{"buildkitd-0", "buildkitd-1", "buildkitd-2"}
	build := func(context string, more ...string) (on string, said call) {
		t.Helper()
		said = u.buildkit(append([]string{"build", "--progress", "plain", "-o", "type=cacheonly", context}, more...)...).ok()
		return memberIn(t, said), said
	}
	contexts := []string{dockerfile(t, "FROM BASE", "RUN echo one"), dockerfile(t, "FROM BASE AS base", "RUN echo two", "FROM base", "RUN echo three")}
	first := map[string]string{}
	for _, context := range contexts {
		on, said := build(context)
		said.says("the first choice for this context")
		again, said := build(context)
		said.says("the first choice for this context", "CACHED")
		if on != again {
			t.Errorf("%s is built on %s, then on %s", context, on, again)
		}
		first[context] = on
	}
	if on, said := build(contexts[1], "--target", "base"); on != first[contexts[1]] || !strings.Contains(said.all(), "CACHED") {
		t.Errorf("a stage is built on %s, the rest on %s\n%s", on, first[contexts[1]], said.all())
	}

	// A pin, and what is wrong with one.
	if on, said := build(contexts[0], "--member", "2"); on != "buildkitd-2" {
		t.Errorf("pinned to 2, built on %s\n%s", on, said.all())
	}
	u.buildkit("build", "--member", "3", contexts[0]).exits(2).says("--member", strings.Join(members, ", "))

	// The first choice is busy.
	busy := first[contexts[0]]
	sleeping := dockerfile(t, "FROM BASE", "RUN echo be''gun && sleep 985")
	var runs []*running
	for i := range 5 {
		runs = append(runs, u.begin("build", "--member", busy, "--progress", "plain", "-o", "type=cacheonly", "--build-arg", fmt.Sprint("N=", i), sleeping))
	}
	for _, r := range runs {
		r.until("be''gun")
	}
	on, said := build(contexts[0])
	if on == busy {
		t.Errorf("a build joins five others on %s\n%s", on, said.all())
	}
	said.says(`"`+busy+`", the first choice, has `, " builds already")
	for _, r := range runs {
		r.interrupt()
	}

	// The first choice is deleted, and comes back.
	u.kubectl("delete", "pod", busy, "-n", u.namespace, "--wait=false").ok()
	if on, said := build(contexts[0]); on == busy && !strings.Contains(said.all(), "the first choice for this context") {
		t.Errorf("built on %s\n%s", on, said.all())
	}
	u.eventually("the member that was deleted gets its builds again", func() bool {
		on, _ := build(contexts[0])
		return on == busy
	})
}

// memberIn returns the member that a build says it runs on.
func memberIn(t *testing.T, said call) string {
	t.Helper()
	_, rest, found := strings.Cut(said.stderr, `building on "`)
	if !found {
		t.Fatalf("it does not say on which member it builds\n%s", said.all())
	}
	name, _, _ := strings.Cut(rest, `"`)
	return name
}
