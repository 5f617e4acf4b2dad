package machine

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// A process of a control group is stopped if it has mounted what is named, and goes on afterwards.
func TestPause(t *testing.T) {
	roots, err := hierarchies()
	if err != nil || os.Geteuid() != 0 || len(roots) == 0 {
		t.Skip("control groups need root")
	}
	const group = "kbk-test-pause"
	t.Cleanup(func() {
		if err := DeleteCgroup(t.Context(), group); err != nil {
			t.Log(err)
		}
	})
	command := exec.Command("sleep", "60")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	procs := filepath.Join(roots[0], group, "cgroup.procs")
	if err := os.MkdirAll(filepath.Dir(procs), 0o755); err != nil {
		t.Skip("control groups cannot be made here: ", err)
	}
	if err := os.WriteFile(procs, []byte(strconv.Itoa(command.Process.Pid)), 0o644); err != nil {
		t.Skip("no process can join a control group here: ", err)
	}
	for mounted, want := range map[string]bool{" /proc ": true, "nothing-has-this-name": false} {
		resume, err := Pause(t.Context(), group, mounted)
		if got := halted(command.Process.Pid); err != nil || got != want {
			t.Errorf("%q: stopped %t, %v", mounted, got, err)
		}
		resume()
		for halted(command.Process.Pid) { // until the signal has arrived
			runtime.Gosched()
		}
	}
}
