package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// This test's program has all packages of the plugin, and does nothing with them.
func TestInitializationIsNotCollected(t *testing.T) {
	trace := func(env ...string) string {
		c := exec.Command(os.Args[0], "-test.run=^$")
		// With the world stopped, a collection that has begun ends before the program does, and is traced.
		c.Env = append(env, "GODEBUG=gctrace=1,gcstoptheworld=1")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	const collected = "gc 1 @"
	if out := trace(); strings.Contains(out, collected) {
		t.Errorf("the collector works before the program does: %s", out)
	}
	// With Go's default of 100 the tables come so close to a collection that not every run has one.
	if out := trace("GOGC=50"); !strings.Contains(out, collected) {
		t.Errorf("GOGC=50 is ignored, or there is nothing to collect anymore and pkg/garbage is not needed: %s", out)
	}
}
