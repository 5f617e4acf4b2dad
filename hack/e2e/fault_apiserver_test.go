//go:build faults

package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/link"
)

// apiServerFaults kill the API server, and with it every tunnel, at each stage of a build.
func apiServerFaults() []fault {
	return []fault{
		{"API server killed during the context upload", alone, func(s *scene) string {
			s.plain()
			context, _ := noise(s.t, 48)
			s.link.SetShape(link.Shape{Rate: 60e6})
			tag := openRegistry(s.t).name(s.user) + ":1"
			r := s.build("-t", tag, "--push", context)
			s.flows(r, func(c link.Counts) int64 { return c.Up })
			s.killAPIServer(r)
			s.link.SetShape(link.Shape{})
			s.pushed(r, tag) // a step of the build compares checksums
			return "image complete"
		}},
		{"API server killed during RUN", alone, func(s *scene) string {
			s.plain()
			r, step, tag := s.pushesStep()
			s.killAPIServer(r)
			step.letGo()
			s.pushed(r, tag)
			return step.ran()
		}},
		{"API server killed during the push", alone, func(s *scene) string {
			front := newHoldingFront(s.t)
			s.plain("--insecure-registry", front.host)
			tag := front.name(s.user) + ":1"
			r := s.build("-t", tag, "--push", dockerfile(s.t, "FROM BASE", "RUN head -c 20000000 /dev/urandom >/noise"))
			front.uploads(r)
			s.killAPIServer(r)
			front.letGo()
			s.end(r, 0)
			digest := front.digest(tag)
			if want := tag + "@" + digest + "\n"; digest == "" || r.stdout.String() != want {
				s.t.Fatalf("printed %q, the registry has %q\n%s", r.stdout.String(), want, r.stderr.String())
			}
			front.whole(tag, digest)
			return "image complete"
		}},
		{"API server killed during the export to files", alone, func(s *scene) string {
			s.plain()
			context, sum := noise(s.t, 48)
			s.buildkit("build", "-o", "type=cacheonly", context).ok()
			s.link.SetShape(link.Shape{Rate: 60e6})
			parent := s.mkdir("exported")
			r := s.build("-o", filepath.Join(parent, "files"), context)
			s.flows(r, func(c link.Counts) int64 { return c.Down })
			s.killAPIServer(r)
			s.link.SetShape(link.Shape{})
			s.end(r, 0)
			s.exported(parent, sum)
			return "files complete"
		}},
	}
}

// flows waits until a good part of the data has gone over the link.
func (s *scene) flows(r *running, bytes func(link.Counts) int64) {
	s.t.Helper()
	for deadline := time.Now().Add(endless); bytes(s.link.Counts()) < 8<<20; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the link carried %+v\n%s", s.link.Counts(), r.stderr.String())
		}
	}
}

// killAPIServer kills it, waits until the build has told of it, and starts it again.
func (s *scene) killAPIServer(r *running) {
	s.t.Helper()
	component(s.t, "kill", "kube-apiserver")
	fault := time.Now()
	s.told(r, fault, 3*time.Second)
	component(s.t, "restart", "kube-apiserver")
}

// exported demands the file that noise made, and nothing beside the directory it is in.
func (s *scene) exported(parent, sum string) {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(parent, "files", "noise"))
	if err != nil {
		s.t.Fatal(err)
	}
	if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != sum {
		s.t.Error("the exported file is not what was sent")
	}
	if left, err := filepath.Glob(filepath.Join(parent, "*")); err != nil || len(left) != 1 {
		s.t.Errorf("beside the export is left %v %v", left, err)
	}
	if left, err := filepath.Glob(filepath.Join(parent, ".*")); err != nil || len(left) != 0 {
		s.t.Errorf("beside the export is left %v %v", left, err)
	}
}

// holdingFront is a registry that holds the first upload of a layer until the test lets it go, or dies under it.
type holdingFront struct {
	registry
	begun chan struct{}
	leave chan struct{}
	die   func()
	once  sync.Once
}

func newHoldingFront(t *testing.T) *holdingFront {
	t.Helper()
	front := &holdingFront{begun: make(chan struct{}), leave: make(chan struct{})}
	var dead sync.Once
	gone := make(chan struct{})
	front.registry = behindFront(t, openRegistry(t), func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		select {
		case <-gone:
			panic(http.ErrAbortHandler) // closes the connection
		default:
		}
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/uploads/") {
			front.once.Do(func() { close(front.begun) })
			select {
			case <-front.leave:
			case <-gone:
				panic(http.ErrAbortHandler)
			}
		}
		pass.ServeHTTP(w, r)
	})
	front.die = func() { dead.Do(func() { close(gone) }) }
	t.Cleanup(front.die) // no client is held when the test is over
	return front
}

// uploads waits until a layer is being pushed.
func (f *holdingFront) uploads(r *running) {
	f.t.Helper()
	select {
	case <-f.begun:
	case <-time.After(endless):
		f.t.Fatalf("nothing was pushed\n%s", r.stderr.String())
	}
}

func (f *holdingFront) letGo() { close(f.leave) }
