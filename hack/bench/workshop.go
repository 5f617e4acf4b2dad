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

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/link"
)

// workshop is what all cases share: a namespace, the programs, and one builder for every client that can use it.
type workshop struct {
	log       io.Writer
	namespace string
	dir       string // scratch, removed at the end
	registry  string
	image     string // the base image of builds, with a shell
	clients   []client
	plugin    string
	base      string // the plugin of an earlier commit, if that is the peer
	buildx    string
	buildctl  string
	cluster   link.Cluster
	link      *link.Link
	weighs    bool // timed commands are weighed as well
}

// newWorkshop prepares what all cases need, and a builder for each client that is measured.
func newWorkshop(ctx context.Context, opts options, log io.Writer) (w *workshop, err error) {
	w = &workshop{log: log, clients: opts.clients(), namespace: fmt.Sprintf("bench-%d", os.Getpid())}
	for name, field := range map[string]*string{
		"E2E_REGISTRY": &w.registry, "E2E_BASE_IMAGE": &w.image,
		"BENCH_PLUGIN": &w.plugin, "BENCH_BUILDX": &w.buildx, "BENCH_BUILDCTL": &w.buildctl,
	} {
		if *field = os.Getenv(name); *field == "" {
			return nil, fmt.Errorf("%s is not set: run hack/bench/run", name)
		}
	}
	if w.cluster, err = link.ReadCluster(ctx, os.Getenv("KUBECONFIG")); err != nil {
		return nil, err
	}
	if w.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close(ctx)
		}
	}()
	if w.link, err = link.Listen(w.cluster.Server, link.Shape{}); err != nil {
		return nil, err
	}
	if err := w.useLink(link.Shape{}); err != nil {
		return nil, err
	}
	if err := os.WriteFile(w.config(), []byte(fmt.Sprintf("[registry.%q]\n  http = true\n", w.registry)), 0o644); err != nil {
		return nil, err
	}
	if _, err := w.time(ctx, "kubectl", "create", "namespace", w.namespace); err != nil {
		return nil, err
	}
	if opts.base != "" {
		if err := w.buildBoth(ctx, opts.base); err != nil {
			return nil, err
		}
	}
	err = w.installAll(ctx)
	return w, err
}

// installAll makes the builders that the clients use.
func (w *workshop) installAll(ctx context.Context) error {
	for _, c := range w.clients {
		var argv []string
		switch c {
		case ours, base:
			argv = []string{w.executable(c), "install", w.builder(c), "-n", w.namespace, "--config", w.config()}
		case buildx:
			argv = w.createBuildxCommand(w.builder(c))
		case buildctl: // it uses ours
			continue
		}
		if _, err := w.time(ctx, argv[0], argv[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// config is the buildkitd.toml that every builder gets.
func (w *workshop) config() string { return filepath.Join(w.dir, "buildkitd.toml") }

// kubeconfig is what every client reads. buildx remembers its path, so it is the same for every link.
func (w *workshop) kubeconfig() string { return filepath.Join(w.dir, "kubeconfig") }

// useLink makes the kubeconfig lead through a link of that shape, or straight to the API server.
func (w *workshop) useLink(shape link.Shape) error {
	address := w.cluster.Server
	if shape != (link.Shape{}) {
		w.link.SetShape(shape)
		address = w.link.Address()
	}
	text, err := w.cluster.Through(address)
	if err != nil {
		return err
	}
	return os.WriteFile(w.kubeconfig(), text, 0o600)
}

// close removes everything, also after an interrupt.
func (w *workshop) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := w.useLink(link.Shape{}); err != nil {
		fmt.Fprintln(w.log, "leading the kubeconfig back:", err)
	}
	if _, err := w.time(ctx, "kubectl", "delete", "namespace", w.namespace, "--ignore-not-found", "--wait=false"); err != nil {
		fmt.Fprintln(w.log, "removing the namespace:", err)
	}
	if w.link != nil {
		_ = w.link.Close()
	}
	_ = os.RemoveAll(w.dir)
}

// time runs a command to its end and returns what it took. All clients build the same image: buildctl attaches no
// provenance, so the others are told not to either.
func (w *workshop) time(ctx context.Context, name string, args ...string) (run, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "BUILDX_NO_DEFAULT_ATTESTATIONS=1", "KUBECONFIG="+w.kubeconfig(),
		"BUILDX_CONFIG="+filepath.Join(w.dir, "buildx"), "DOCKER_CONFIG="+filepath.Join(w.dir, "docker"))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start, ended, peak := time.Now(), make(chan struct{}), make(chan int64, 1)
	err := cmd.Start()
	if err == nil {
		go func() {
			if w.weighs {
				peak <- weigh(cmd.Process.Pid, ended)
			}
			close(peak)
		}()
		err = cmd.Wait()
	}
	took := run{wall: time.Since(start)}
	close(ended)
	if err != nil {
		return run{}, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, output.String())
	}
	took.peak = <-peak
	return took, nil
}

// context writes a build context with this Dockerfile; BASE stands for the base image.
func (w *workshop) context(name string, lines ...string) (string, error) {
	dir := filepath.Join(w.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	text := strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "BASE", w.image)
	return dir, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644)
}
