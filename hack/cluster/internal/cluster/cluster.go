// Package cluster is the verbs: it puts the other packages together in order, and is the only one that knows them all.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/network"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/process"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/state"
)

// Options is what the environment and the command line say.
type Options struct {
	State   state.Dir
	Cache   string // directory of built programs and made images
	Sources string // directory of this module
	Index   int    // tells several clusters of one machine apart
	Nodes   int
}

// NewOptions reads the environment. Nodes is 1.
func NewOptions(getenv func(string) string) (Options, error) {
	options := Options{State: "/var/lib/kubectl-buildkit-cluster", Nodes: 1}
	if dir := getenv("KUBECTL_BUILDKIT_CLUSTER_DIR"); dir != "" {
		absolute, err := filepath.Abs(dir)
		if err != nil {
			return Options{}, fmt.Errorf("reading KUBECTL_BUILDKIT_CLUSTER_DIR: %w", err)
		}
		options.State = state.Dir(resolve(absolute))
	}
	if index := getenv("KUBECTL_BUILDKIT_CLUSTER_INDEX"); index != "" {
		number, err := strconv.Atoi(index)
		if err != nil {
			return Options{}, fmt.Errorf("reading KUBECTL_BUILDKIT_CLUSTER_INDEX: %w", err)
		}
		options.Index = number
	}
	cache, err := cacheDir(getenv)
	if err != nil {
		return Options{}, fmt.Errorf("finding the cache directory: %w", err)
	}
	options.Cache = cache
	sources, err := os.Getwd()
	if err != nil {
		return Options{}, fmt.Errorf("finding the sources: %w", err)
	}
	if _, err := os.Stat(filepath.Join(sources, "programs")); err != nil {
		return Options{}, fmt.Errorf("finding the sources: run this program in its own directory, with `go run .`: %w", err)
	}
	options.Sources = sources
	return options, nil
}

func cacheDir(getenv func(string) string) (string, error) {
	if dir := getenv("KUBECTL_BUILDKIT_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Abs(filepath.Join(dir, "kubectl-buildkit"))
	}
	home := getenv("HOME")
	if home == "" {
		return "", errors.New("neither KUBECTL_BUILDKIT_CACHE nor HOME is set")
	}
	return filepath.Abs(filepath.Join(home, ".cache", "kubectl-buildkit"))
}

// resolve follows the links in a path of which the end may not exist yet: the kernel lists mounts by resolved paths.
func resolve(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil || path == filepath.Dir(path) {
		return resolved
	}
	return filepath.Join(resolve(filepath.Dir(path)), filepath.Base(path))
}

// Cluster is one cluster of this machine, running or not.
type Cluster struct {
	options  Options
	plan     network.Plan
	table    process.Table
	progress io.Writer // for people: what is being done
}

// New returns the cluster that the options speak of.
func New(options Options, progress io.Writer) (*Cluster, error) {
	plan, err := network.NewPlan(options.Index, options.Nodes)
	if err != nil {
		return nil, err
	}
	dir := options.State
	return &Cluster{
		options: options, plan: plan, progress: progress,
		table: process.NewTable(string(dir), dir.Processes(), dir.Logs()),
	}, nil
}

// step is one named part of a long operation.
type step struct {
	name string
	do   func(context.Context) error
}

// run does the steps in order, and prints which of how many it is at and how long each took.
func (c *Cluster) run(ctx context.Context, steps []step) error {
	for i, step := range steps {
		begin := time.Now()
		fmt.Fprintf(c.progress, "step %d of %d: %s ...\n", i+1, len(steps), step.name)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Fprintf(c.progress, "%s: %.1fs\n", step.name, time.Since(begin).Seconds())
	}
	return nil
}

// Kill ends components as a crash would, by the names that Status shows. What a containerd has started goes on.
func (c *Cluster) Kill(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := c.table.Kill(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// Restart starts killed components again. It does not wait until they are ready.
func (c *Cluster) Restart(names []string) error {
	for _, name := range names {
		if err := c.table.Restart(name); err != nil {
			return err
		}
	}
	return nil
}
