package driver

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	gatewayapi "github.com/moby/buildkit/frontend/gateway/pb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// stage is a point in a build of a daemon.
type stage string

const (
	running   stage = "running its steps"
	exporting stage = "exporting"
)

// scene is a family of two builders, whose daemons do what a test says at each stage.
type scene struct {
	*world
	mu     sync.Mutex
	events []string // e.g. "buildkitd-386 exporting"
	attrs  map[string]map[string]string
	at     func(ctx context.Context, name string, s stage, times int) error
}

// aScene lets a test use a scene.
func aScene(t *testing.T, use func(*testing.T, *scene)) {
	t.Helper()
	inBubble(t, twoArchitectures, func(t *testing.T, w *world) {
		s := &scene{world: w, attrs: map[string]map[string]string{}, at: func(context.Context, string, stage, int) error { return nil }}
		addFamily(w, func(string) {})
		for name := range w.daemons {
			s.direct(name)
		}
		use(t, s)
	})
}

// direct makes the daemon follow the scene.
func (s *scene) direct(name string) {
	d := s.daemons[name]
	d.OnEvaluate = func(ctx context.Context, r *gatewayapi.SolveRequest) error {
		s.mu.Lock()
		s.attrs[name] = r.FrontendOpt
		s.mu.Unlock()
		return s.reach(ctx, name, running)
	}
	d.OnSolve = func(ctx context.Context, r *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		if err := s.reach(ctx, name, exporting); err != nil {
			return nil, err
		}
		return &controlapi.SolveResponse{ExporterResponse: map[string]string{"from": name}}, nil
	}
}

func (s *scene) reach(ctx context.Context, name string, at stage) error {
	s.mu.Lock()
	event := name + " " + string(at)
	s.events = append(s.events, event)
	times := 0
	for _, each := range s.events {
		if each == event {
			times++
		}
	}
	s.mu.Unlock()
	return s.at(ctx, name, at, times)
}

func (s *scene) happened() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

func bothPlatforms(t *testing.T, change func(*BuildOptions)) BuildOptions {
	t.Helper()
	o := platform(t, "FROM scratch\nRUN make\n", "linux/amd64", "linux/386")
	if change != nil {
		change(&o)
	}
	return o
}

// Each builder gets its platform, none exports before the steps of both have run, and the metadata
// is that of both.
func TestSideBySide(t *testing.T) {
	aScene(t, func(t *testing.T, s *scene) {
		s.at = func(ctx context.Context, name string, at stage, _ int) error {
			if name == further && at == running {
				time.Sleep(time.Minute)
				if events := s.happened(); slices.Contains(events, pod+" exporting") {
					t.Errorf("exported too early: %q", events)
				}
			}
			return nil
		}
		metadata, ref := filepath.Join(t.TempDir(), "metadata"), filepath.Join(t.TempDir(), "ref")
		built, err := s.driver.Build(t.Context(), bothPlatforms(t, func(o *BuildOptions) { o.Request.MetadataFile, o.Request.RefFile = metadata, ref }))
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{pod: "linux/amd64", further: "linux/386"} {
			if got := s.attrs[name]; got["platform"] != want || got["multi-platform"] != "true" {
				t.Errorf("%s was asked for %v", name, got)
			}
		}
		var found map[string]any
		text, _ := os.ReadFile(metadata)
		if err := json.Unmarshal(text, &found); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{"from/linux/amd64": pod, "from/linux/386": further, "kubectl-buildkit.build.ref": built.Ref()} {
			if found[key] != want {
				t.Errorf("%s is %v of %v", key, found[key], slices.Sorted(maps.Keys(found)))
			}
		}
		if docker, _ := found["buildx.build.ref/linux/386"].(string); !strings.HasPrefix(docker, further+"/"+further+"/") {
			t.Errorf("docker's reference is %q", docker)
		}
		if refs, _ := os.ReadFile(ref); len(strings.Split(string(refs), "\n")) != 2 {
			t.Errorf("references are %q", refs)
		}
	})
}

// A failure at any stage ends both builds at once, and is the error.
func TestSideBySideFails(t *testing.T) {
	for _, failing := range []string{pod, further} {
		for _, when := range []stage{running, exporting} {
			t.Run(failing+" "+string(when), func(t *testing.T) {
				aScene(t, func(t *testing.T, s *scene) {
					s.at = func(ctx context.Context, name string, at stage, _ int) error {
						switch {
						case at != when:
							return nil
						case name == failing:
							return errors.New("exploded")
						}
						<-ctx.Done() // the other one would go on for ever
						return ctx.Err()
					}
					began := time.Now()
					_, err := s.driver.Build(t.Context(), bothPlatforms(t, nil))
					var failed *BuildError
					if !errors.As(err, &failed) || !strings.Contains(err.Error(), "exploded") || failed.Member.Builder != failing {
						t.Errorf("got %v", err)
					}
					if took := time.Since(began); took > 10*time.Second {
						t.Errorf("it took %v", took)
					}
					s.noneOpen(t)
				})
			})
		}
	}
}

// noneOpen fails the test if a connection is left open.
func (s *scene) noneOpen(t *testing.T) {
	t.Helper()
	time.Sleep(time.Minute)
	for name, daemon := range s.daemons {
		if open := daemon.Open(); open > 0 {
			t.Errorf("%d connections to %s are open", open, name)
		}
	}
}

// The user ends both.
func TestSideBySideIsCanceled(t *testing.T) {
	for _, when := range []stage{running, exporting} {
		t.Run(string(when), func(t *testing.T) {
			aScene(t, func(t *testing.T, s *scene) {
				ctx, cancel := context.WithCancel(t.Context())
				s.at = func(ctx context.Context, name string, at stage, _ int) error {
					if at != when {
						return nil
					}
					cancel()
					<-ctx.Done()
					return ctx.Err()
				}
				_, err := s.driver.Build(ctx, bothPlatforms(t, nil))
				if !is[*solve.CanceledError](err) {
					t.Errorf("got %v", err)
				}
				s.noneOpen(t)
			})
		})
	}
}

// A builder that is lost, at any stage, goes on alone: the other one is not asked again.
func TestSideBySideIsLost(t *testing.T) {
	for _, losing := range []string{pod, further} {
		for _, when := range []stage{running, exporting} {
			t.Run(losing+" "+string(when), func(t *testing.T) {
				aScene(t, func(t *testing.T, s *scene) {
					s.at = func(ctx context.Context, name string, at stage, times int) error {
						if name != losing || at != when || times > 1 {
							return nil
						}
						go s.cut(losing)
						<-ctx.Done()
						return ctx.Err()
					}
					if _, err := s.driver.Build(t.Context(), bothPlatforms(t, nil)); err != nil {
						t.Fatal(err)
					}
					counts := map[string]int{}
					for _, event := range s.happened() {
						counts[event]++
					}
					for _, name := range []string{pod, further} {
						want := 1
						if name == losing {
							want = 2
						}
						if counts[name+" running its steps"] != want || name != losing && counts[name+" exporting"] != 1 {
							t.Errorf("%v", counts)
						}
					}
					s.noneOpen(t)
				})
			})
		}
	}
}

// cut ends all connections to the daemon.
func (s *scene) cut(name string) { s.daemons[name].Cut() }

// A builder of the family that is missing ends the build before it begins.
func TestSideBySideNeedsAll(t *testing.T) {
	aScene(t, func(t *testing.T, s *scene) {
		s.Delete("pods", further)
		_, err := s.driver.Build(t.Context(), bothPlatforms(t, nil))
		if err == nil || !strings.Contains(err.Error(), further) || len(s.happened()) > 0 {
			t.Errorf("got %v after %q", err, s.happened())
		}
		s.noneOpen(t)
	})
}

// The places in the queues are taken in one order, whatever the order of the platforms.
func TestRanks(t *testing.T) {
	one := []share{{builder: "b-arm64"}, {builder: "b"}, {builder: "b-386"}}
	if got := ranks(one); !slices.Equal(got, []int{2, 0, 1}) {
		t.Errorf("got %v", got)
	}
}
