package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Pause stops the processes of a control group that have mounted something whose path contains a word, and all of their
// groups with them, so that what they have written can be copied as it is at one moment. The function that it returns lets
// them go on; it is never nil.
func Pause(ctx context.Context, group, mounted string) (resume func(), err error) {
	stopped := make(map[int]bool)
	resume = func() {
		for pid := range stopped {
			_ = syscall.Kill(pid, syscall.SIGCONT) // it may have been killed meanwhile
		}
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		pids, err := mounting(group, mounted)
		if err != nil {
			return resume, err
		}
		running := false
		for pid := range pids {
			if !stopped[pid] && syscall.Kill(pid, syscall.SIGSTOP) == nil {
				stopped[pid] = true
			}
			running = running || !halted(pid)
		}
		switch { // a process that was not stopped yet may have started others
		case !running:
			return resume, nil
		case time.Now().After(deadline):
			return resume, fmt.Errorf("pausing the processes that have mounted %q: some go on", mounted)
		}
		select {
		case <-ctx.Done():
			return resume, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Resume lets every process of a control group go on: a run that was killed may have left some paused.
func Resume(group string) error {
	return eachProcess(group, func(pid int) {
		if halted(pid) {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	})
}

func mounting(group, mounted string) (map[int]bool, error) {
	pids := make(map[int]bool)
	err := eachProcess(group, func(pid int) {
		mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
		if err == nil && strings.Contains(string(mounts), mounted) {
			pids[pid] = true
		}
	})
	return pids, err
}

func eachProcess(group string, visit func(pid int)) error {
	hierarchies, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range hierarchies {
		err := filepath.WalkDir(filepath.Join(root, group), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || entry.Name() != "cgroup.procs" {
				return unlessRemoved(err)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return unlessRemoved(err)
			}
			for _, field := range strings.Fields(string(data)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
					visit(pid)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("listing the processes of control group %q: %w", group, err)
		}
	}
	return nil
}

// unlessRemoved returns the error, unless it is that of a control group that was removed meanwhile.
func unlessRemoved(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	return err
}

// halted tells whether a process is stopped by a signal, or gone.
func halted(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	return strings.HasPrefix(rest, "T") || strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}
