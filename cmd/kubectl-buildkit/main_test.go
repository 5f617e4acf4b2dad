package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// The first collection is put off, and is the last that is.
func TestCollectLate(t *testing.T) {
	if value, set := os.LookupEnv("GOGC"); set {
		t.Setenv("GOGC", value) // restores it at the end
		if err := os.Unsetenv("GOGC"); err != nil {
			t.Fatal(err)
		}
	}
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	collectLate()
	if percent := debug.SetGCPercent(400); percent != 400 {
		t.Fatalf("before the first collection: GOGC is %d, want 400", percent)
	}
	percent := 400
	for deadline := time.Now().Add(10 * time.Second); percent != 100 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		runtime.GC()
		percent = debug.SetGCPercent(100)
		if percent == 400 {
			debug.SetGCPercent(400)
		}
	}
	if percent != 100 {
		t.Errorf("after a collection: GOGC is %d, want 100", percent)
	}
}

func TestCollectLateHonorsGOGC(t *testing.T) {
	t.Setenv("GOGC", "50")
	before := debug.SetGCPercent(50)
	defer debug.SetGCPercent(before)
	collectLate()
	if percent := debug.SetGCPercent(50); percent != 50 {
		t.Errorf("GOGC is %d, want 50", percent)
	}
}
