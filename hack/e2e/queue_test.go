package e2e_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/link"
)

// queues begins a build as that user whose step prints its name and lasts that many seconds.
func (u *user) queues(as, name string, seconds int, args ...string) *running {
	u.t.Helper()
	dir := dockerfile(u.t, "FROM BASE", fmt.Sprintf("RUN echo %s-begun && sleep %d && echo %s-ended", name, seconds, name))
	return u.begin(append([]string{"build", "--progress", "plain", "--queue-as", as, "-o", "type=cacheonly", dir}, args...)...)
}

// kill ends the client without a word to the builder.
func (r *running) kill() (at time.Time) {
	r.t.Helper()
	at = time.Now()
	if err := syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		r.t.Fatal(err)
	}
	_ = r.cmd.Wait()
	return at
}

// begun reports whether the step of that name has printed its line.
func (r *running) begun(name string) bool {
	return strings.Contains(strings.ReplaceAll(r.stderr.String(), "echo "+name+"-begun", ""), name+"-begun")
}

// begins waits until the step of that name prints its line.
func (r *running) begins(name string) (at time.Time) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !r.begun(name); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s has not begun:\n%s", name, r.stderr.String())
		}
	}
	return time.Now()
}

// waiting returns the places of the builds that wait, by user.
func (u *user) waiting() map[string]int {
	u.t.Helper()
	var list struct {
		Items []struct {
			Status, User string
			Place        int
		}
	}
	if err := json.Unmarshal([]byte(u.buildkit("history", "list", "-o", "json", "--filter", "status=waiting").ok().stdout), &list); err != nil {
		u.t.Fatal(err)
	}
	places := map[string]int{}
	for _, item := range list.Items {
		places[item.User] = item.Place
	}
	return places
}

// A builder runs as many builds at a time as it was told to; the others wait in a fair order, and a place is free as soon
// as the build that had it has ended, however that was.
func TestQueue(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder("--max-builds", "1")
	t.Run("order", func(t *testing.T) { queueOrder(t, u.in(t)) })
	t.Run("foreign clients", func(t *testing.T) { queueBehindForeign(t, u.in(t)) })
	t.Run("lost connections", func(t *testing.T) { queueOverCuts(t, u.in(t)) })
}

func queueOrder(t *testing.T, u *user) {
	first := u.queues("ann", "first", 120)
	first.begins("first")
	second := u.queues("ann", "second", 120)
	second.until("place 1 of the queue (1 build runs at a time)")
	bobs := u.queues("bob", "bobs", 120)
	bobs.until("place 1 of the queue")
	second.until("place 2 of the queue")
	if got := u.waiting(); got["bob"] != 1 || got["ann"] != 2 || len(got) != 2 {
		t.Errorf("the places are %v", got)
	}
	u.eventually("info to show the queue", func() bool {
		text := strings.Join(strings.Fields(u.buildkit("info").ok().stdout), " ")
		return strings.Contains(text, "Builds: 1 of at most 1 running, 2 waiting running: ann, ") &&
			strings.Contains(text, " place 1: bob, ") && strings.Contains(text, " place 2: ann, ")
	})
	cids := u.queues("cid", "cids", 1)
	cids.until("place 2 of the queue")
	cids.interrupt()
	u.eventually("the cancelled build to leave", func() bool { return u.waiting()["cid"] == 0 })

	killed := first.kill()
	// Without load it takes a second; the daemon ends the step first.
	if took := bobs.begins("bobs").Sub(killed); took > 15*time.Second {
		t.Errorf("the build of a client that died had its place for %v", took)
	}
	if second.begun("second") {
		t.Error("two builds run at a time")
	}
	second.until("place 1 of the queue")
	bobs.interrupt()
	second.begins("second")
	second.kill()
	if text := u.buildkit("history", "list", "-o", "wide").ok().stdout; strings.Contains(text, "waiting") || !strings.Contains(text, "bob") {
		t.Errorf("the history is\n%s", text)
	}
}

func queueBehindForeign(t *testing.T, u *user) {
	// A build that died would be ann's first, and her next one would be behind bob's.
	u.eventually("the builds of before to leave", func() bool { return len(u.builds("--filter", "status=running")) == 0 })
	dir := dockerfile(t, "FROM BASE", "RUN echo foreign-begun && sleep 120")
	foreign := u.begin("proxy", "--", "buildctl", "build", "--progress=plain", "--frontend", "dockerfile.v0", "--local", "context="+dir, "--local", "dockerfile="+dir)
	foreign.begins("foreign")
	waits := u.queues("ann", "waits", 0)
	waits.until("place 1 of the queue")
	u.buildkit("build", "--queue-as", "bob", "--queue-timeout", "2s", dir).exits(3).
		says("has waited 2s", "at place 2 of the queue", "runs 1 at a time, now of another client for", "--queue-timeout")
	u.eventually("the build that has waited too long to leave", func() bool { return u.waiting()["bob"] == 0 })
	foreign.kill()
	waits.ends(0)
	newest := u.builds()[0]
	if newest["user"] != "ann" || newest["waited_seconds"].(float64) < 1 || newest["duration_seconds"].(float64) > newest["waited_seconds"].(float64)+60 {
		t.Errorf("the build is %v", newest)
	}
	if text := u.buildkit("history", "inspect", newest["ref"].(string), "--format", "json").ok().stdout; strings.Contains(text, "kubectl-buildkit.") {
		t.Errorf("the build has attributes of the queue:\n%s", text)
	}
}

// queueOverCuts cuts the connections of a build that runs and of one that waits: neither loses its place.
func queueOverCuts(t *testing.T, u *user) {
	straight := u.env["KUBECONFIG"]
	defer func() { u.env["KUBECONFIG"] = straight }()
	through := func() *link.Link {
		u.env["KUBECONFIG"] = straight
		return u.through()
	}
	runsLink := through()
	runs := u.queues("ann", "runs", 20)
	runs.begins("runs")
	waitsLink := through()
	waits := u.queues("bob", "waits", 0)
	waits.until("place 1 of the queue")
	u.env["KUBECONFIG"] = straight
	last := u.queues("bob", "last", 0)
	last.until("place 2 of the queue")

	waitsLink.Cut()
	waits.until("connecting again")
	waits.until("works again")
	if got := u.waiting(); got["bob"] == 0 || last.begun("last") {
		t.Errorf("the places are %v", got)
	}
	runsLink.Cut()
	runs.until("works again")
	if strings.Contains(runs.stderr.String(), "of the queue") {
		t.Errorf("a build that was running waits:\n%s", runs.stderr.String())
	}
	runs.ends(0)
	waits.ends(0)
	last.ends(0)
	if strings.Contains(waits.stderr.String(), "place 2") {
		t.Errorf("a build that waits has lost its place:\n%s", waits.stderr.String())
	}
}

// through gives the user a link of their own to the cluster.
func (u *user) through() *link.Link {
	u.t.Helper()
	cluster, err := link.ReadCluster(u.t.Context(), u.env["KUBECONFIG"])
	if err != nil {
		u.t.Fatal(err)
	}
	l, err := link.Listen(cluster.Server, link.Shape{})
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { l.Close() })
	config, err := cluster.Through(l.Address())
	if err != nil {
		u.t.Fatal(err)
	}
	u.env["KUBECONFIG"] = filepath.Join(u.home, strings.ReplaceAll(l.Address(), ":", "-"))
	write(u.t, u.env["KUBECONFIG"], string(config))
	return l
}

// A client that nothing reaches holds up the others for 30 seconds, and builds when it is back.
func TestQueueSkipsUnresponsiveClient(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder("--max-builds", "1")
	runs := u.queues("ann", "runs", 120)
	runs.begins("runs")
	straight := u.env["KUBECONFIG"]
	black := u.through()
	unresponsive := u.queues("bob", "unresponsive", 0)
	unresponsive.until("place 1 of the queue")
	u.env["KUBECONFIG"] = straight
	next := u.queues("cid", "next", 0)
	next.until("place 2 of the queue")
	black.Hold()
	free := runs.kill()
	if took := next.begins("next").Sub(free); took < 25*time.Second || took > 40*time.Second {
		t.Errorf("the next build has begun after %v", took)
	}
	next.ends(0)
	black.Release()
	unresponsive.ends(0)
}

// A build that waits leaves a member that is being deleted.
func TestQueueOnTerminatingMember(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder("--replicas", "2", "--max-builds", "1")
	var builds []*running
	for i := range 8 {
		build := u.queues("ann", fmt.Sprint("busy", i), 120)
		builds = append(builds, build)
		build.until(fmt.Sprint("busy", i)) // it waits, or its step is shown
		if both := map[any]bool{}; i > 0 {
			for _, build := range u.builds("--filter", "status=running") {
				both[build["member"]] = true
			}
			if len(both) == 2 {
				break
			}
		}
	}
	moves := u.queues("bob", "moves", 0)
	moves.until(`waiting for member "buildkitd-`)
	_, member, _ := strings.Cut(moves.stderr.String(), `waiting for member "`)
	member, _, _ = strings.Cut(member, `"`)
	other := map[string]string{"buildkitd-0": "buildkitd-1", "buildkitd-1": "buildkitd-0"}[member]
	u.kubectl("delete", "pod", member, "--wait=false").ok()
	moves.until(`waiting for member "` + other + `"`)
	for _, build := range builds {
		build.kill()
	}
	moves.ends(0)
}
