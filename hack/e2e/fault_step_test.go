//go:build faults

package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"
)

// step is a RUN step that calls the test when it begins, and waits there until the test lets it go: what happens while
// it runs does not depend on time.
type step struct {
	scene   *scene
	url     string
	begun   atomic.Int32 // how often it was started
	running atomic.Int32
	leave   chan struct{}
}

func (s *scene) newStep() *step {
	s.t.Helper()
	host, _, err := net.SplitHostPort(need(s.t, "E2E_REGISTRY")) // Pods reach this machine there
	if err != nil {
		s.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		s.t.Fatal(err)
	}
	x := &step{scene: s, leave: make(chan struct{}), url: "http://" + listener.Addr().String()}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.begun.Add(1)
		x.running.Add(1)
		defer x.running.Add(-1)
		select {
		case <-x.leave:
			fmt.Fprintln(w, "let go")
		case <-r.Context().Done(): // the daemon has stopped the step
		}
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	s.t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	s.steps = append(s.steps, x)
	return x
}

// line is the Dockerfile's.
func (x *step) line(before ...string) string {
	return "RUN " + strings.Join(append(before, "wget -q -O /answer "+x.url), " && ")
}

// begins waits until the step was started n times.
func (x *step) begins(r *running, n int32) {
	x.scene.t.Helper()
	for deadline := time.Now().Add(endless); x.begun.Load() < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			x.scene.t.Fatalf("the step was started %d times, want %d\n%s", x.begun.Load(), n, r.stderr.String())
		}
	}
}

func (x *step) letGo() { close(x.leave) }

// ran is the outcome of a build that was held in this step.
func (x *step) ran() string {
	if n := x.begun.Load(); n != 1 {
		return fmt.Sprintf("image complete, step ran %d times", n)
	}
	return "image complete, step ran once"
}

// stops demands that the step runs no more: the daemon gives a client up after 40 s at the latest.
func (x *step) stops() {
	x.scene.t.Helper()
	for deadline := time.Now().Add(time.Minute); x.running.Load() > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			x.scene.t.Fatal("the step still runs though no client waits for it")
		}
	}
}
