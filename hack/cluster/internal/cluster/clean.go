package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/machine"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/network"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/process"
)

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
		return fmt.Errorf("removing state directory: %w", err)
	}
	return nil
}

// mayClean refuses what would harm another user of the machine: a directory that is not a cluster's, or names that another cluster uses.
func (c *Cluster) mayClean() error {
	if err := c.options.State.Check(); err != nil {
		return err
	}
	owner, err := os.ReadFile(c.ownerFile())
	if errors.Is(err, fs.ErrNotExist) || string(owner) == string(c.options.State) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading whose cluster %q is: %w", c.plan.Name(), err)
	}
	other := process.NewTable(string(owner), "", "")
	if running, err := other.Running(); err != nil || !running {
		return err
	}
	return fmt.Errorf("the cluster of %q runs under the name %q: take another one with KUBECTL_BUILDKIT_CLUSTER_INDEX", owner, c.plan.Name())
}

// ownerFile says which state directory the cluster of our name has.
func (c *Cluster) ownerFile() string { return filepath.Join(c.plan.RunDir(), "owner") }

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
	if err := c.mayClean(); err != nil {
		return err
	}
	if err := c.table.KillAll(ctx); err != nil {
		return err
	}
	if err := machine.DeleteCgroup(ctx, c.plan.Name()); err != nil { // and with it what the shims had started
		return err
	}
	for _, directory := range []string{run, dir} {
		if err := machine.Unmount(directory); err != nil {
			return err
		}
	}
	if err := network.Delete(ctx, c.plan); err != nil {
		return err
	}
	if err := os.RemoveAll(run); err != nil {
		return fmt.Errorf("removing sockets: %w", err)
	}
	// What no option of the kubelet and of containerd moves below our directories.
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
