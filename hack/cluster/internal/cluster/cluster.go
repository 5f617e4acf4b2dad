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

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/machine"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/network"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/process"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/state"
)

// Options is what the environment and the command line say.
type Options struct {
	State   state.Dir
	Cache   string // folder of built programs and made images
	Sources string // folder of this module
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
		options.State = state.Dir(absolute)
	}
	if index := getenv("KUBECTL_BUILDKIT_CLUSTER_INDEX"); index != "" {
		number, err := strconv.Atoi(index)
		if err != nil {
			return Options{}, fmt.Errorf("reading KUBECTL_BUILDKIT_CLUSTER_INDEX: %w", err)
		}
		options.Index = number
	}
	switch {
	case getenv("KUBECTL_BUILDKIT_CACHE") != "":
		options.Cache = getenv("KUBECTL_BUILDKIT_CACHE")
	case getenv("XDG_CACHE_HOME") != "":
		options.Cache = filepath.Join(getenv("XDG_CACHE_HOME"), "kubectl-buildkit")
	default:
		options.Cache = filepath.Join(getenv("HOME"), ".cache", "kubectl-buildkit")
	}
	cache, err := filepath.Abs(options.Cache)
	if err != nil {
		return Options{}, fmt.Errorf("finding the cache folder: %w", err)
	}
	options.Cache = cache
	sources, err := os.Getwd()
	if err != nil {
		return Options{}, fmt.Errorf("finding the sources: %w", err)
	}
	if _, err := os.Stat(filepath.Join(sources, "programs")); err != nil {
		return Options{}, fmt.Errorf("finding the sources: run this program in its own folder, with `go run .`: %w", err)
	}
	options.Sources = sources
	return options, nil
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

// Down removes everything of the cluster from the machine, but for the cache.
func (c *Cluster) Down(ctx context.Context) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.run(ctx, []step{{"removing the cluster", c.clean}}); err != nil {
		return err
	}
	if err := os.Remove(string(c.options.State)); err != nil {
		return fmt.Errorf("removing state folder: %w", err)
	}
	return nil
}

// lock is for the verbs that change the machine, and so the place to say who may.
func (c *Cluster) lock(ctx context.Context) (unlock func(), err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("namespaces, mounts and control groups need root: run this verb as root")
	}
	return c.options.State.Lock(ctx, func() { fmt.Fprintln(c.progress, "waiting for another run of this program ...") })
}

// clean removes whatever an earlier run left, however far it came. It relies on marks and names, not on records: a run
// may have been killed before it wrote one.
func (c *Cluster) clean(ctx context.Context) error {
	dir, run := string(c.options.State), c.plan.RunDir()
	if err := c.table.KillAll(ctx); err != nil {
		return err
	}
	if err := machine.DeleteCgroup(ctx, c.plan.Name()); err != nil { // and with it what the shims had started
		return err
	}
	for _, folder := range []string{run, dir} {
		if err := machine.Unmount(folder); err != nil {
			return err
		}
	}
	if err := network.Delete(ctx, c.plan); err != nil {
		return err
	}
	if err := os.RemoveAll(run); err != nil {
		return fmt.Errorf("removing sockets: %w", err)
	}
	// What no option of the kubelet and of containerd moves below our folders.
	if err := machine.RemoveLinks("/var/log/containers/*", dir); err != nil {
		return err
	}
	if err := machine.RemoveFiles("/var/lib/cni/results/" + c.plan.Name() + "-*"); err != nil {
		return err
	}
	if err := machine.RemoveDeadSocket("/var/lib/kubelet/device-plugins/kubelet.sock"); err != nil {
		return err
	}
	return c.options.State.Empty()
}

// step is one named part of a long operation.
type step struct {
	name string
	do   func(context.Context) error
}

// run does the steps in order and says how long each took.
func (c *Cluster) run(ctx context.Context, steps []step) error {
	for _, step := range steps {
		begin := time.Now()
		fmt.Fprintf(c.progress, "%s ...\n", step.name)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Fprintf(c.progress, "%s: %.1fs\n", step.name, time.Since(begin).Seconds())
	}
	return nil
}
