package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// CreateCgroup makes the control group PARENT/NAME in every hierarchy that is mounted: a kubelet wants its root there
// before it starts.
func CreateCgroup(parent, name string) error {
	hierarchies, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range hierarchies {
		if err := os.MkdirAll(filepath.Join(root, parent, name), 0o755); err != nil {
			return fmt.Errorf("creating control group %q: %w", name, err)
		}
		// The one hierarchy of version 2 hands its controllers down only where it is told to. Beside version 1 it has
		// none to hand down.
		for _, group := range []string{root, filepath.Join(root, parent)} {
			if err := delegate(group); err != nil {
				return fmt.Errorf("creating control group %q: %w", name, err)
			}
		}
	}
	return nil
}

func delegate(group string) error {
	available, err := os.ReadFile(filepath.Join(group, "cgroup.controllers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // version 1
	}
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(available)) {
		if err := os.WriteFile(filepath.Join(group, "cgroup.subtree_control"), []byte("+"+controller), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// DeleteCgroup kills every process in the control group called name and below it, and removes it from every hierarchy.
func DeleteCgroup(ctx context.Context, name string) error {
	hierarchies, err := hierarchies()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := deleteOnce(hierarchies, name)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("deleting control group %q: %w", name, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func deleteOnce(hierarchies []string, name string) error {
	var groups []string
	for _, root := range hierarchies {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && entry.IsDir() {
				groups = append(groups, path)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	slices.Reverse(groups) // children before parents
	for _, group := range groups {
		if err := killGroup(group); err != nil {
			return err
		}
	}
	for _, group := range groups {
		if err := os.Remove(group); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func killGroup(group string) error {
	data, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, field := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(field)
		if err != nil || pid == 0 { // 0: a process of a pid namespace that we cannot see
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// hierarchies is the mount points of control groups.
func hierarchies() ([]string, error) {
	mounts, err := readMounts()
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, mount := range mounts {
		if mount.kind == "cgroup" || mount.kind == "cgroup2" {
			if strings.HasPrefix(mount.target, "/sys/fs/cgroup") && !slices.Contains(roots, mount.target) {
				roots = append(roots, mount.target)
			}
		}
	}
	return roots, nil
}
