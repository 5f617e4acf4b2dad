package program

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lines is a log, not a terminal. It keeps what is written, which must be whole lines.
type lines struct {
	t     *testing.T
	mutex sync.Mutex
	texts []string
}

func (l *lines) Write(text []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if !strings.HasSuffix(string(text), "\n") || strings.ContainsAny(string(text), "\r\x1b") {
		l.t.Errorf("%q is not a line of a log", text)
	}
	l.texts = append(l.texts, strings.TrimSuffix(string(text), "\n"))
	return len(text), nil
}

// coldCache is an empty cache with a compiler that takes as long as the catalogue says, times slowness.
func coldCache(t *testing.T, slowness int) (*Cache, *lines) {
	t.Helper()
	log := &lines{t: t}
	return &Cache{dir: t.TempDir(), sources: "../../programs", toolchain: "go1 test", progress: log,
		compile: func(_ context.Context, program Program, path string) error {
			time.Sleep(time.Duration(slowness) * program.Usual)
			return os.WriteFile(path, nil, 0o755)
		}}, log
}

// silence is the longest time in which nothing was reported.
const silence = stillEvery + time.Second

// TestColdStartIsNeverSilent builds all programs of a cluster into an empty cache, three times as slow as usual.
func TestColdStartIsNeverSilent(t *testing.T) {
	cache, log := coldCache(t, 3)
	names := ClusterNames()
	synctest.Test(t, func(t *testing.T) {
		watched, last := 0, time.Now()
		done := make(chan error)
		go func() {
			_, err := cache.Build(t.Context(), names...)
			done <- err
		}()
		for {
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
				return
			case <-time.After(time.Second):
				log.mutex.Lock()
				if len(log.texts) > watched {
					watched, last = len(log.texts), time.Now()
				}
				log.mutex.Unlock()
				if since := time.Since(last); since > silence {
					t.Fatalf("silent for %s after %q", since, log.texts[len(log.texts)-1])
				}
			}
		}
	})
	text := strings.Join(log.texts, "\n")
	for _, want := range []string{
		"  building 14 programs from source, the first time only: as a rule ", " on two cores",
		"  1 of 14: etcd, about ", "  2 of 14: kubernetes, about ", "  2 of 14: kubernetes: still building after 1m0s, ",
		"  14 of 14: rootlesskit, about ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	before := len(log.texts)
	if _, err := cache.Build(t.Context(), names...); err != nil || len(log.texts) != before {
		t.Errorf("a warm start: %v, %q", err, log.texts[before:])
	}
}

// TestEstimatesFollowThePace: a machine that took three times as long so far is expected to go on so.
func TestEstimatesFollowThePace(t *testing.T) {
	cache, log := coldCache(t, 3)
	synctest.Test(t, func(t *testing.T) {
		if _, err := cache.Build(t.Context(), "etcd", "kubernetes", "containerd"); err != nil {
			t.Fatal(err)
		}
	})
	var usual time.Duration
	for _, program := range Catalogue() {
		if program.Name == "containerd" {
			usual = program.Usual
		}
	}
	want := "  3 of 3: containerd, about " + rounded(3*usual)
	if !slices.Contains(log.texts, want) {
		t.Errorf("%q is not in\n%s", want, strings.Join(log.texts, "\n"))
	}
}

// TestFailedBuildLeavesNothing: the output of the compiler is in the error, which names the program, and the next run
// begins with it again.
func TestFailedBuildLeavesNothing(t *testing.T) {
	cache, log := coldCache(t, 0)
	fails := cache.compile
	cache.compile = func(context.Context, Program, string) error { return errors.New("exit status 1:\nno such package") }
	_, err := cache.Build(t.Context(), "etcd")
	if err == nil || !strings.Contains(err.Error(), `"etcd"`) || !strings.Contains(err.Error(), "no such package") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(cache.dir, ".building-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	cache.compile = fails
	log.texts = nil
	paths, err := cache.Build(t.Context(), "etcd")
	if err != nil || len(log.texts) == 0 {
		t.Errorf("the next run: %v, %q", err, log.texts)
	}
	if _, err := os.Stat(paths["etcd"]); err != nil {
		t.Error(err)
	}
}

// TestWaitingForAnotherRunIsReported: two runs do not compile at a time, and the second one says what it waits for.
func TestWaitingForAnotherRunIsReported(t *testing.T) {
	first, _ := coldCache(t, 1)
	second, log := coldCache(t, 1)
	second.dir = first.dir
	synctest.Test(t, func(t *testing.T) {
		done := make(chan error)
		go func() {
			_, err := first.Build(t.Context(), "etcd")
			done <- err
		}()
		synctest.Wait()
		if _, err := second.Build(t.Context(), "etcd"); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if len(log.texts) != 2 || !strings.Contains(log.texts[1], "waiting for another run") {
		t.Errorf("reported %q", log.texts)
	}
}

func TestEveryProgramHasAUsualTime(t *testing.T) {
	for _, program := range Catalogue() {
		if program.Usual <= 0 {
			t.Errorf("program %q: how long does its build take as a rule?", program.Name)
		}
	}
}
