package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A run that is killed leaves its namespaces. The next one removes them, and never those of a run that still goes on: each
// namespace names the process it belongs to from the moment it exists.
const (
	ownerKey = "e2e.kubectl-buildkit.github.io/owner"
	// forgotten is the age from which a namespace of another machine, whose processes cannot be seen, belongs to no run:
	// a run takes 30 minutes at most.
	forgotten = 6 * time.Hour
)

// owner is a process: its number may be another's later, so its start counts too.
type owner struct {
	machine string // with its boot, and the container: numbers of processes mean something within it
	pid     int
	started string // as the kernel counts
}

func thisProcess() owner { return ownerOf(os.Getpid()) }

func ownerOf(pid int) owner {
	host, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	sum := sha256.Sum256([]byte(host + "\n" + string(boot) + "\n" + namespace))
	return owner{machine: hex.EncodeToString(sum[:8]), pid: pid, started: startOf(pid)}
}

// startOf is when the process was started; "" if there is none, or on a system without /proc.
func startOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

// The label's value is MACHINE.PID.START.
func (o owner) String() string { return fmt.Sprintf("%s.%d.%s", o.machine, o.pid, o.started) }

func parseOwner(text string) (o owner, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return o, false
	}
	pid, err := strconv.Atoi(parts[1])
	return owner{machine: parts[0], pid: pid, started: parts[2]}, err == nil && pid > 0 && parts[0] != ""
}

// hasEnded reports whether the owner of something of that age certainly has.
func (o owner) hasEnded(age time.Duration) bool {
	if o.machine != thisProcess().machine {
		return age > forgotten
	}
	if errors.Is(syscall.Kill(o.pid, 0), syscall.ESRCH) {
		return true
	}
	now := startOf(o.pid)
	return now != o.started && (now != "" || o.started != "")
}

// removeLeftovers deletes the namespaces of runs that have ended. It does not fail if it cannot.
func removeLeftovers(kubeconfig string) (removed []string, err error) {
	out, err := exec.Command("kubectl", "--kubeconfig", kubeconfig, "get", "namespaces", "-l", ownerKey, "-o", "json").Output()
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []struct {
			Metadata struct {
				Name              string
				UID               string
				CreationTimestamp time.Time
				DeletionTimestamp *time.Time
				Labels            map[string]string
			}
		}
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, err
	}
	for _, each := range list.Items {
		at := each.Metadata
		o, ok := parseOwner(at.Labels[ownerKey])
		if !ok || at.DeletionTimestamp != nil || !strings.HasPrefix(at.Name, "e2e-") || !o.hasEnded(time.Since(at.CreationTimestamp)) {
			continue
		}
		// With the label, so that one of the same name that another run makes meanwhile is not meant.
		remove := exec.Command("kubectl", "--kubeconfig", kubeconfig, "delete", "namespaces", "--wait=false",
			"-l", ownerKey+"="+o.String(), "--field-selector", "metadata.name="+at.Name)
		if out, err := remove.CombinedOutput(); err != nil {
			return removed, fmt.Errorf("%w: %s", err, out)
		}
		removed = append(removed, at.Name)
	}
	return removed, nil
}

// createNamespace makes a namespace that is its owner's from the beginning.
func (u *user) createNamespace(name string, of owner) {
	u.t.Helper()
	u.kubectlIn("", []byte(fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q,"labels":{%q:%q}}}`, name, ownerKey, of)), "create", "-f", "-").ok()
}

func TestLeftoversOfKilledRuns(t *testing.T) {
	u := newUser(t)
	ended := exec.Command("sleep", "60")
	if err := ended.Start(); err != nil {
		t.Fatal(err)
	}
	dead := ownerOf(ended.Process.Pid)
	if err := errors.Join(ended.Process.Kill(), ignoreExit(ended.Wait())); err != nil {
		t.Fatal(err)
	}
	me := thisProcess()
	for name, test := range map[string]struct {
		owner owner
		age   time.Duration
		ended bool
	}{
		"this run":                     {me, 48 * time.Hour, false},
		"a killed one":                 {dead, 0, true},
		"its number is another's":      {owner{me.machine, me.pid, me.started + "1"}, 0, true},
		"of another machine":           {owner{"elsewhere", dead.pid, dead.started}, time.Hour, false},
		"of another machine, long ago": {owner{"elsewhere", me.pid, me.started}, 7 * time.Hour, true},
	} {
		if parsed, ok := parseOwner(test.owner.String()); !ok || parsed != test.owner {
			t.Errorf("%s: %q reads as %+v", name, test.owner, parsed)
		}
		if got := test.owner.hasEnded(test.age); got != test.ended {
			t.Errorf("%s: ended is %t", name, got)
		}
	}
	left, other := u.namespace+"-left", u.namespace+"-other"
	u.createNamespace(left, dead)
	u.createNamespace(other, owner{"elsewhere", dead.pid, dead.started})
	t.Cleanup(func() { u.kubectl("delete", "namespace", left, other, "--wait=false", "--ignore-not-found") })
	if removed, err := removeLeftovers(theWorld(t).kubeconfig); err != nil || !strings.Contains(strings.Join(removed, " "), left) {
		t.Errorf("removed %q, %v", removed, err)
	}
	for name, goes := range map[string]bool{left: true, other: false, u.namespace: false} {
		deleted := u.kubectl("get", "namespace", name, "--ignore-not-found", "-o", "jsonpath={.metadata.name}{.metadata.deletionTimestamp}").ok().stdout != name
		if deleted != goes {
			t.Errorf("%s: deleted is %t", name, deleted)
		}
	}
}

// ignoreExit is the error of a process that was killed on purpose.
func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}
