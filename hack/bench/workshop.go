package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// workshop is what all cases share: a namespace, the programs, and one builder for every client that can use it.
type workshop struct {
	log       io.Writer
	namespace string
	dir       string // scratch, removed at the end
	registry  string
	base      string
	plugin    string
	buildx    string
	buildctl  string
}

func newWorkshop(ctx context.Context, log io.Writer) (w *workshop, err error) {
	w = &workshop{log: log, namespace: fmt.Sprintf("bench-%d", os.Getpid())}
	for name, field := range map[string]*string{
		"E2E_REGISTRY": &w.registry, "E2E_BASE_IMAGE": &w.base,
		"BENCH_PLUGIN": &w.plugin, "BENCH_BUILDX": &w.buildx, "BENCH_BUILDCTL": &w.buildctl,
	} {
		if *field = os.Getenv(name); *field == "" {
			return nil, fmt.Errorf("%s is not set: run hack/bench/run", name)
		}
	}
	if w.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close(ctx)
		}
	}()
	if err := os.WriteFile(w.config(), []byte(fmt.Sprintf("[registry.%q]\n  http = true\n", w.registry)), 0o644); err != nil {
		return nil, err
	}
	if _, err := w.time(ctx, "kubectl", "create", "namespace", w.namespace); err != nil {
		return nil, err
	}
	_, err = w.time(ctx, w.plugin, "install", "-n", w.namespace, "--config", w.config())
	return w, err
}

// config is the buildkitd.toml that every builder gets.
func (w *workshop) config() string { return filepath.Join(w.dir, "buildkitd.toml") }

// close removes everything, also after an interrupt.
func (w *workshop) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if _, err := w.time(ctx, "kubectl", "delete", "namespace", w.namespace, "--ignore-not-found", "--wait=false"); err != nil {
		fmt.Fprintln(w.log, "removing the namespace:", err)
	}
	_ = os.RemoveAll(w.dir)
}

// time runs a command to its end and returns its wall time. All clients build the same image: buildctl attaches no
// provenance, so the others are told not to either.
func (w *workshop) time(ctx context.Context, name string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "BUILDX_NO_DEFAULT_ATTESTATIONS=1",
		"BUILDX_CONFIG="+filepath.Join(w.dir, "buildx"), "DOCKER_CONFIG="+filepath.Join(w.dir, "docker"))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	err := cmd.Run()
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, output.String())
	}
	return time.Since(start), nil
}

// context writes a build context with this Dockerfile; BASE stands for the base image with a shell.
func (w *workshop) context(name string, lines ...string) (string, error) {
	dir := filepath.Join(w.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	text := strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "BASE", w.base)
	return dir, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644)
}
