package e2e_test

import (
	"archive/tar"
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// dockerfile makes a build context with this Dockerfile; BASE stands for the base image with a shell.
func dockerfile(t *testing.T, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "BASE", need(t, "E2E_BASE_IMAGE"))
	write(t, filepath.Join(dir, "Dockerfile"), text)
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// builder installs a builder that reaches every registry of the cluster.
func (u *user) builder(extra ...string) {
	u.t.Helper()
	u.buildkit(append([]string{"install", "--yes"}, append(u.registryFlags(), extra...)...)...).ok()
}

// registryFlags tell a builder about the open registry's plain HTTP and the private ones' CA.
func (u *user) registryFlags() []string {
	u.t.Helper()
	flags := []string{}
	if open := os.Getenv("E2E_REGISTRY"); open != "" {
		flags = append(flags, "--insecure-registry", open)
	}
	if ca := os.Getenv("E2E_REGISTRY_CA"); ca != "" {
		flags = append(flags, "--registry-ca", ca)
	}
	return flags
}

// archive is a tar of these files, the same every time.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), ModTime: time.Unix(1600000000, 0)}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}
