package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Users build without pause through an upgrade, a rotation of the certificates and an upgrade that fails: no build is lost,
// none runs twice, and there is always a member to build on.
func TestUpgradesLoseNoBuild(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder("--replicas", "2")
	u.eventually("two members are ready", func() bool { return u.members().ReadyMembers == 2 })
	builds := u.buildsWithoutPause("a", "b", "c")
	seen := u.watchesMembers()

	u.buildkit("install", "--env", "UPGRADED=1", "--yes").ok().says("+ env: UPGRADED=1", "buildkitd-1: answers", "buildkitd-0: answers")

	former := u.secretData("buildkitd-client")
	u.buildkit("install", "--rotate", "--yes").ok().says("+ new certificates", "the former certificates are refused")

	// A member that its probe has not seen yet would be replaced first.
	u.eventually("both members are ready", func() bool { return u.members().ReadyMembers == 2 })
	stays := u.podUID("buildkitd-0")
	failed := u.buildkit("install", "--image", need(t, "E2E_BASE_IMAGE"), "--yes").exits(3)
	failed.says(`member "buildkitd-1"`, "rolled back: its members and its settings are what they were before", "next:")
	if u.podUID("buildkitd-0") != stays {
		t.Error("the rollback replaced a member that was not upgraded")
	}

	builds.end()
	if least := seen.least(); least < 1 {
		t.Errorf("at a time %d members were ready", least)
	}
	if seen.outdated.Load() == 0 { // of three changes, each of which takes several times as long as list does
		t.Error("list never showed a member that was still to be replaced")
	}
	u.eventually("both members are ready, and none is outdated", func() bool {
		now := u.members()
		return now.ReadyMembers == 2 && now.OutdatedMembers == 0
	})
	u.buildkit("install").ok().neverSays("changes of")
	info := u.buildkit("info").ok().neverSays("former", "--image")
	if !strings.Contains(info.stdout, "--env UPGRADED=1") {
		t.Errorf("the settings are not those of before\n%s", info.all())
	}

	// A client with the former Secret is refused.
	now := u.secretData("buildkitd-client")
	u.setSecret("buildkitd-client", former)
	u.buildkit("info").exits(3)
	u.setSecret("buildkitd-client", now)
	u.buildkit("info").ok()
}

// memberCounts are what list says of a builder.
type memberCounts struct{ DesiredMembers, ReadyMembers, OutdatedMembers int }

func (u *user) members() memberCounts {
	u.t.Helper()
	var list struct{ Items []memberCounts }
	out := u.buildkit("list", "-o", "json")
	if err := json.Unmarshal([]byte(out.stdout), &list); err != nil || len(list.Items) != 1 {
		u.t.Errorf("one builder is to be listed (%v)\n%s", err, out.all())
		return memberCounts{}
	}
	return list.Items[0]
}

// memberWatch is what list has shown of the members since it began.
type memberWatch struct {
	outdated atomic.Int64 // the most
	fewest   atomic.Int64 // of those that were ready
	stop     func()
}

func (u *user) watchesMembers() *memberWatch {
	w, ended := &memberWatch{}, make(chan struct{})
	w.fewest.Store(100)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			now := u.members()
			w.outdated.Store(max(w.outdated.Load(), int64(now.OutdatedMembers)))
			w.fewest.Store(min(w.fewest.Load(), int64(now.ReadyMembers)))
			select {
			case <-ended:
				return
			case <-time.After(300 * time.Millisecond):
			}
		}
	})
	w.stop = sync.OnceFunc(func() { close(ended); running.Wait() })
	u.t.Cleanup(w.stop)
	return w
}

// least ends the watch, and is the smallest number of members that were ready.
func (w *memberWatch) least() int64 {
	w.stop()
	return w.fewest.Load()
}

// builders are users who build one image after the other.
type builders struct {
	u    *user
	stop func()
	done atomic.Int64
}

// buildsWithoutPause starts users who build again and again, each time something new that takes two seconds.
func (u *user) buildsWithoutPause(names ...string) *builders {
	b, ended := &builders{u: u}, make(chan struct{})
	var running sync.WaitGroup
	for _, name := range names {
		running.Go(func() {
			for n := 1; ; n++ {
				select {
				case <-ended:
					return
				default:
					b.build(fmt.Sprintf("%s-%d", name, n))
				}
			}
		})
	}
	b.stop = sync.OnceFunc(func() { close(ended); running.Wait() })
	u.t.Cleanup(b.stop)
	return b
}

// build checks that a build succeeds, and that its step ran once.
func (b *builders) build(marker string) {
	context := dockerfile(b.u.t, "FROM BASE", "RUN echo ran''-"+marker+"; sleep 2")
	done := b.u.buildkit("build", "--progress", "plain", "-o", "type=cacheonly", context)
	if times := strings.Count(done.stderr, "ran-"+marker); done.code != 0 || times != 1 {
		b.u.t.Errorf("build %s ended with %d, its step ran %d times\n%s", marker, done.code, times, done.all())
	}
	b.done.Add(1)
}

// end waits for the last builds.
func (b *builders) end() {
	b.u.t.Helper()
	b.stop()
	b.u.t.Logf("%d builds", b.done.Load())
}

// secretData is what a Secret holds.
func (u *user) secretData(name string) map[string][]byte {
	u.t.Helper()
	var secret struct{ Data map[string]string }
	if err := json.Unmarshal([]byte(u.kubectl("get", "secret", name, "-o", "json").ok().stdout), &secret); err != nil {
		u.t.Fatal(err)
	}
	data := map[string][]byte{}
	for key, text := range secret.Data {
		value, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			u.t.Fatal(err)
		}
		data[key] = value
	}
	return data
}
