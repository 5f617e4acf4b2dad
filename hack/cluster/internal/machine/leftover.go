package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// RemoveLinks deletes the links that match pattern and point below dir. Their directory stays: another cluster's kubelet
// makes it only when it starts.
func RemoveLinks(pattern, dir string) error {
	links, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("listing %q: %w", pattern, err)
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(target, dir+"/") {
			continue
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing link %q: %w", link, err)
		}
	}
	return nil
}

// RemoveFiles deletes the files that match pattern.
func RemoveFiles(pattern string) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("listing %q: %w", pattern, err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing %q: %w", file, err)
		}
	}
	return nil
}

// RemoveDeadSocket deletes a unix socket on which no process listens.
func RemoveDeadSocket(path string) error {
	connection, err := net.Dial("unix", path)
	if err == nil {
		return connection.Close() // another process listens
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return nil // there is none
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing socket %q: %w", path, err)
	}
	return nil
}
