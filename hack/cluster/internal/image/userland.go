package image

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// userland is a busybox with a link for each of its applets, and the files that programs expect to find.
func userland(busybox string, applets []string) []Entry {
	entries := []Entry{
		{Path: "bin/busybox", Mode: 0o755, Source: busybox},
		{Path: "etc/passwd", Mode: 0o644, Content: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")},
		{Path: "etc/group", Mode: 0o644, Content: []byte("root:x:0:\nnogroup:x:65534:\n")},
		{Path: "etc/nsswitch.conf", Mode: 0o644, Content: []byte("hosts: files dns\n")},
		{Path: "etc/ssl/certs/ca-certificates.crt", Mode: 0o644, Source: "/etc/ssl/certs/ca-certificates.crt"},
		{Path: "root", Mode: 0o700, Dir: true},
		{Path: "tmp", Mode: 0o1777, Dir: true},
		{Path: "var/tmp", Mode: 0o1777, Dir: true},
	}
	for _, dir := range []string{"dev", "home", "proc", "run", "sys", "usr/local/bin", "var/log"} {
		entries = append(entries, Entry{Path: dir, Mode: 0o755, Dir: true})
	}
	for _, applet := range applets {
		if applet != "bin/busybox" {
			entries = append(entries, Entry{Path: applet, Link: "/bin/busybox"})
		}
	}
	return entries
}

// listApplets asks a busybox for the paths of its applets, e.g. "usr/bin/wget".
func listApplets(ctx context.Context, busybox string) ([]string, error) {
	output, err := exec.CommandContext(ctx, busybox, "--list-full").Output()
	if err != nil {
		return nil, fmt.Errorf("listing applets of %q: %w", busybox, err)
	}
	return strings.Fields(string(output)), nil
}

// withLibraries is a program of this machine with the shared libraries and the loader it needs, under their own paths.
func withLibraries(ctx context.Context, entry Entry) ([]Entry, error) {
	output, err := exec.CommandContext(ctx, "ldd", entry.Source).Output()
	if err != nil {
		return nil, fmt.Errorf("listing libraries of %q: %w", entry.Source, err)
	}
	entries := []Entry{entry}
	for _, library := range parseLibraries(string(output)) {
		entries = append(entries, Entry{Path: strings.TrimPrefix(library, "/"), Mode: 0o755, Source: library})
	}
	return entries, nil
}

// parseLibraries reads the output of ldd: "libc.so.6 => /lib/libc.so.6 (0x…)", or only the path for the loader.
func parseLibraries(output string) []string {
	var paths []string
	for line := range strings.Lines(output) {
		for _, field := range strings.Fields(line) {
			if strings.HasPrefix(field, "/") {
				paths = append(paths, field)
				break
			}
		}
	}
	return paths
}

// tree is a directory of this machine, without what skip tells to leave out (given the path below the directory).
func tree(source, target string, skip func(path string) bool) ([]Entry, error) {
	var entries []Entry
	err := filepath.WalkDir(source, func(path string, file fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		if below != "." && skip(below) {
			if file.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if !file.Type().IsRegular() {
			return nil
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		entries = append(entries, Entry{Path: filepath.Join(target, below), Mode: int64(info.Mode().Perm()), Source: path})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing %q: %w", source, err)
	}
	return entries, nil
}
