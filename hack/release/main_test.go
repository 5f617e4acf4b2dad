package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestValidVersion(t *testing.T) {
	for _, good := range []string{"v0.1.0", "v1.22.333", "v1.0.0-rc.1", "v0.0.0-ci"} {
		if !validVersion(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", "1.2.3", "v1.2", "v01.2.3", "v1.2.3-", "v1.2.3+meta", "v1.2.3\n", "v1.2.3-rc..1"} {
		if validVersion(bad) {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestChoose(t *testing.T) {
	if all, err := choose(""); err != nil || len(all) != 6 {
		t.Errorf("all: %v, %v", all, err)
	}
	some, err := choose("linux/arm64,windows/amd64")
	if err != nil || len(some) != 2 || some[1].archive("v1.2.3") != "kubectl-buildkit_v1.2.3_windows_amd64.zip" || some[1].executable() != "kubectl-buildkit.exe" {
		t.Errorf("some: %v, %v", some, err)
	}
	if _, err := choose("plan9/386"); err == nil || !strings.Contains(err.Error(), "plan9/386") {
		t.Errorf("unknown: %v", err)
	}
}

func TestOnlyAnEarlierReleaseIsRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"checksums.txt", "kubectl-buildkit_v0.1.0_linux_amd64.tar.gz"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := empty(dir); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	precious := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := empty(dir); err == nil || !strings.Contains(err.Error(), "thesis.txt") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}
