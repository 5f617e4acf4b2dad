// Package process starts the cluster's long-running programs so that they outlive the run that started them, and finds
// and ends them again. It must not know what the programs do.
package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"syscall"
	"time"
)

// markVariable is an environment variable that every process of a cluster carries, with the state directory and the
// process's name as its value. A shim inherits it from its containerd. It identifies a process whatever the records
// say: a pid may have been given to another process since, and a run may have died before it wrote a record.
const markVariable = "KUBECTL_BUILDKIT_CLUSTER_PROCESS"

// Spec says how to start a process.
type Spec struct {
	Name      string   // unique in the cluster; also the name of its log
	Program   string   // absolute path
	Arguments []string // without the program
	Variables []string // KEY=VALUE, added to a minimal environment
	Namespace string   // path of the network namespace, empty for the machine's own
}

// Process is a started process, as recorded.
type Process struct {
	Spec
	PID     int
	Started time.Time
}

// Table is the processes of one cluster.
type Table struct {
	mark    string // the state directory
	records string
	logs    string
}

// NewTable returns the table of the cluster whose state directory is given.
func NewTable(state, records, logs string) Table {
	return Table{mark: state, records: records, logs: logs}
}

// Log is the path of the named process's output.
func (t Table) Log(name string) string { return filepath.Join(t.logs, name+".log") }

// Start starts a process in a session of its own, so that neither a Ctrl-C nor the end of this run reaches it.
func (t Table) Start(spec Spec) error {
	log, err := os.OpenFile(t.Log(spec.Name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("starting %q: %w", spec.Name, err)
	}
	defer log.Close()
	command := exec.Command(spec.Program, spec.Arguments...)
	if spec.Namespace != "" {
		// nsenter, not `ip netns exec`: the latter mounts a new /sys, in which the kubelet finds no cgroups.
		arguments := append([]string{"--net=" + spec.Namespace, spec.Program}, spec.Arguments...)
		command = exec.Command("nsenter", arguments...)
	}
	command.Dir = "/"
	command.Env = append([]string{
		markVariable + "=" + t.mark + ":" + spec.Name,
		"HOME=/root",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}, spec.Variables...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting %q: %w", spec.Name, err)
	}
	go func() { _ = command.Wait() }() // no zombie while this run lasts
	return t.record(Process{Spec: spec, PID: command.Process.Pid, Started: time.Now()})
}

func (t Table) record(started Process) error {
	data, err := json.Marshal(started)
	if err != nil {
		return fmt.Errorf("recording process %q: %w", started.Name, err)
	}
	if err := os.WriteFile(filepath.Join(t.records, started.Name+".json"), data, 0o644); err != nil {
		return fmt.Errorf("recording process %q: %w", started.Name, err)
	}
	return nil
}

// List returns the recorded processes, oldest first.
func (t Table) List() ([]Process, error) {
	files, err := filepath.Glob(filepath.Join(t.records, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var processes []Process
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("listing processes: %w", err)
		}
		var recorded Process
		if err := json.Unmarshal(data, &recorded); err != nil {
			continue // the run that wrote it was killed while it did
		}
		processes = append(processes, recorded)
	}
	sort.Slice(processes, func(i, j int) bool { return processes[i].Started.Before(processes[j].Started) })
	return processes, nil
}

// Alive tells whether the recorded process runs and is the one that was recorded.
func (t Table) Alive(recorded Process) bool {
	return marked(recorded.PID, t.mark+":"+recorded.Name+"\x00")
}

// Running tells whether any process carries the cluster's mark.
func (t Table) Running() (bool, error) {
	pids, err := t.find()
	return len(pids) > 0, err
}

// Kill ends the named process and nothing that it has started, and waits until it is gone. Its record stays, for Restart.
func (t Table) Kill(ctx context.Context, name string) error {
	recorded, err := t.recorded(name)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(20 * time.Second)
	for t.Alive(recorded) {
		if err := syscall.Kill(recorded.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("killing %q: %w", name, err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("killing %q: process %d is still there", name, recorded.PID)
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// Restart starts the named process again as it was started before. One that runs is left alone.
func (t Table) Restart(name string) error {
	recorded, err := t.recorded(name)
	if err != nil || t.Alive(recorded) {
		return err
	}
	return t.Start(recorded.Spec)
}

func (t Table) recorded(name string) (Process, error) {
	processes, err := t.List()
	if err != nil {
		return Process{}, err
	}
	names := make([]string, 0, len(processes))
	for _, recorded := range processes {
		if recorded.Name == name {
			return recorded, nil
		}
		names = append(names, recorded.Name)
	}
	return Process{}, fmt.Errorf("finding process %q: there are %v", name, names)
}

// KillAll ends every process that carries the cluster's mark and waits until they are gone.
func (t Table) KillAll(ctx context.Context) error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		pids, err := t.find()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("killing process %d: %w", pid, err)
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("killing the cluster's processes: %v are still there", pids)
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func (t Table) find() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && marked(pid, t.mark+":") {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// marked tells whether the environment of a process has our variable with a value that begins with prefix. A dead
// process that its parent has not waited for has an empty environment, and so counts as gone.
func marked(pid int, prefix string) bool {
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	wanted := []byte(markVariable + "=" + prefix)
	return bytes.HasPrefix(environment, wanted) || bytes.Contains(environment, append([]byte{0}, wanted...))
}

func sleep(ctx context.Context, duration time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(duration):
		return nil
	}
}
