package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newTable(t *testing.T) Table {
	t.Helper()
	dir := t.TempDir()
	table := NewTable(dir, dir, dir)
	t.Cleanup(func() {
		if err := table.KillAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return table
}

func TestKillAllEndsMarkedProcessesAndTheirChildren(t *testing.T) {
	table := newTable(t)
	err := table.Start(Spec{Name: "parent", Program: "/bin/sh", Arguments: []string{"-c", "sleep 1000 & sleep 1000"}})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { pids, err := table.find(); return err == nil && len(pids) == 3 })
	recorded, err := table.List()
	if err != nil || len(recorded) != 1 || !table.Alive(recorded[0]) {
		t.Fatalf("got %v, %v", recorded, err)
	}
	if err := table.KillAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if table.Alive(recorded[0]) {
		t.Error("it lives")
	}
}

func TestARecordOfAnotherProcessIsNotAlive(t *testing.T) {
	if newTable(t).Alive(Process{Spec: Spec{Name: "etcd"}, PID: os.Getpid()}) {
		t.Error("this test was taken for etcd")
	}
}

func TestAKilledProcessIsStartedAgainAsItWas(t *testing.T) {
	table := newTable(t)
	spec := Spec{Name: "parent", Program: "/bin/sh", Arguments: []string{"-c", "sleep 1000 & echo $GREETING; sleep 1000"}, Variables: []string{"GREETING=hello"}}
	if err := table.Start(spec); err != nil {
		t.Fatal(err)
	}
	greetings := func(n int) func() bool {
		return func() bool {
			log, err := os.ReadFile(table.Log("parent"))
			return err == nil && strings.Count(string(log), "hello") == n
		}
	}
	waitFor(t, greetings(1))
	first, err := table.recorded("parent")
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Kill(t.Context(), "parent"); err != nil || table.Alive(first) {
		t.Fatalf("after Kill: %v, alive: %t", err, table.Alive(first))
	}
	if running, err := table.Running(); err != nil || !running {
		t.Errorf("Kill ended the children as well: %v", err)
	}
	for range 2 { // the second time it runs already
		if err := table.Restart("parent"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, greetings(2))
	}
	if err := table.Kill(t.Context(), "absent"); err == nil || !strings.Contains(err.Error(), "parent") {
		t.Errorf("an unknown name gave %v", err)
	}
}

func TestWaitShowsTheLogOfWhatEnded(t *testing.T) {
	table := newTable(t)
	if err := table.Start(Spec{Name: "broken", Program: "/bin/sh", Arguments: []string{"-c", "echo no such flag"}}); err != nil {
		t.Fatal(err)
	}
	err := table.Wait(t.Context(), "broken", time.Minute, func(context.Context) error { return errors.New("not yet") })
	if err == nil || !strings.Contains(err.Error(), "no such flag") || !strings.Contains(err.Error(), filepath.Base(table.Log("broken"))) {
		t.Errorf("got %v", err)
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen")
		}
	}
}
