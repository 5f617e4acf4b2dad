package driver

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// world is a cluster with a builder of the default name, and a driver for it.
type world struct {
	*testcluster.Cluster
	driver  *Driver
	daemons map[string]*testcluster.Daemon
	timers  []*time.Timer

	mu      sync.Mutex
	notices []string
}

// inBubble lets use have a world in which time passes as fast as it can.
func inBubble(t *testing.T, change func(*builder.Spec), use func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{Cluster: testcluster.New(t)}
		t.Cleanup(func() {
			for _, timer := range w.timers {
				timer.Stop()
			}
			w.Close()
			time.Sleep(10 * time.Second) // gRPC takes a while to end
		})
		spec := builder.Spec{}
		if change != nil {
			change(&spec)
		}
		w.daemons = w.Install(spec)
		w.driver = Open(func(string) Access { return fixed{config: w.Config(), namespace: testcluster.Namespace} }, w.note)
		w.driver.transport = tunnel.SPDY
		use(t, w)
	})
}

// after lets something happen later, unless the test has ended.
func (w *world) after(pause time.Duration, what func()) {
	w.timers = append(w.timers, time.AfterFunc(pause, what))
}

func (w *world) note(notice Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := notice.Text
	if notice.Warning {
		line = "warning: " + line
	}
	if notice.Show != nil {
		notice.Show(line)
	}
	w.notices = append(w.notices, line)
}

// noted fails the test unless a notice has that text.
func (w *world) noted(t *testing.T, text string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.ContainsFunc(w.notices, func(line string) bool { return strings.Contains(line, text) }) {
		t.Errorf("no notice says %q: %q", text, w.notices)
	}
}

// options connect over the transport that the cluster in memory has.
func options() ConnectOptions { return ConnectOptions{Transport: tunnel.SPDY}.withDefaults() }

func (w *world) connect(t *testing.T) *Connection {
	t.Helper()
	c, err := w.driver.Connect(t.Context(), options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// refusing answers every request about a kind.
func refusing(kind string, status *metav1.Status) func(*http.Request, string, string) *metav1.Status {
	return func(_ *http.Request, of, _ string) *metav1.Status {
		if kind == "" || of == kind {
			return status
		}
		return nil
	}
}

// building are the options of a build of a directory that has a Dockerfile.
func building(t *testing.T, change func(*BuildOptions)) BuildOptions {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nRUN make\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := BuildOptions{
		Request: request.Options{Input: request.Input{Path: dir}, Image: request.Image{Tags: []string{"example.com/a:1"}}},
		Connect: ConnectOptions{Transport: tunnel.SPDY}, Retries: 5,
	}
	o.Environment.WorkingDir = dir
	if change != nil {
		change(&o)
	}
	return o
}

func digestOf(char string) string { return fmt.Sprintf("sha256:%s", strings.Repeat(char, 64)) }
