package driver

import (
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// Where the daemon does not list its builds, the limit cannot be kept: the build warns and begins.
func TestDaemonThatHidesItsBuilds(t *testing.T) {
	limited := func(s *builder.Spec) { s.MaxBuilds = 1 }
	inBubble(t, limited, func(t *testing.T, w *world) {
		w.daemons[pod].OnSolve = made
		if _, err := w.driver.Build(t.Context(), building(t, func(o *BuildOptions) { o.Request.Push = true })); err != nil {
			t.Fatal(err)
		}
		w.noted(t, "the build does not wait")
	})
}

// A build resumes its place in the process that it ran in, and nowhere else.
func TestLimitOfMember(t *testing.T) {
	certificates := &cluster.Connection{MaxBuilds: 3}
	before := limitOf(cluster.Member{UID: "a"}, certificates)
	if before.Builds != 3 || limitOf(cluster.Member{UID: "a"}, certificates) != before {
		t.Errorf("the limit is %+v", before)
	}
	for _, other := range []cluster.Member{{UID: "b"}, {UID: "a", Restarts: 1}} {
		if limitOf(other, certificates).Daemon == before.Daemon {
			t.Errorf("%+v is the same daemon", other)
		}
	}
	if got := limitOf(cluster.Member{Pod: "a"}, certificates); got.Daemon != "" {
		t.Errorf("a Pod that is not known yet is the daemon %q", got.Daemon)
	}
	if got := limitOf(cluster.Member{UID: "a"}, nil); got.Builds != 0 {
		t.Errorf("an unmanaged builder has the limit %+v", got)
	}
}

type waits []*progress.Wait

// Wait is that of a display that shows nothing.
func (w *waits) Wait(string) *progress.Wait {
	*w = append(*w, nil)
	return nil
}

// The text of a place names the member and the limit.
func TestPlacesAreShown(t *testing.T) {
	shown := &waits{}
	l := &line{display: shown, waits: map[*solve.Daemon]*progress.Wait{}}
	c := &Connection{Member: cluster.Member{Pod: "buildkitd-0"}, Certificates: &cluster.Connection{MaxBuilds: 2}, Daemon: &solve.Daemon{}}
	l.moved(c, 3)
	l.moved(c, 0)
	if len(*shown) != 1 || len(l.waits) != 0 {
		t.Errorf("%d steps, %d of them last", len(*shown), len(l.waits))
	}
	for limit, want := range map[int32]string{1: "place 3 of the queue (1 build runs at a time)", 2: "place 3 of the queue (2 builds run at a time)"} {
		if got := placeText(3, limit); got != want {
			t.Errorf("got %q", got)
		}
	}
}
