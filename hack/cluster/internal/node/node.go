// Package node runs one node of the cluster: a containerd, a kubelet and a kube-proxy in a network namespace of their
// own. It must not know how the control plane is run.
package node

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/image"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/machine"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/network"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/pki"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/process"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/state"
)

// PauseImage is the image of every Pod's first process. Its name has a host that nothing can be pulled from.
const PauseImage = "localhost/pause:1"

// startTimeout is how long a component may take to be ready on a machine that is busy with other things.
const startTimeout = 2 * time.Minute

// Node is one node.
type Node struct {
	Number    int // counted from 1
	State     state.Dir
	Plan      network.Plan
	Table     process.Table
	Authority string   // path of the cluster's authority
	Pair      pki.Pair // the node's own certificate, as client and as server
	Registries
}

// Registries is what containerd must know to pull from the registries.
type Registries struct {
	Plain []string // HOST:PORT of those without TLS
	TLS   []string // HOST:PORT of those with a certificate of RegistryCA
}

// Name is the node's name in Kubernetes.
func (n Node) Name() string { return n.Plan.NodeName(n.Number) }

func (n Node) path(elements ...string) string {
	return filepath.Join(append([]string{n.State.Node(n.Name())}, elements...)...)
}

func (n Node) runDir() string { return filepath.Join(n.Plan.RunDir(), n.Name()) }

func (n Node) socket() string { return filepath.Join(n.runDir(), "containerd.sock") }

func (n Node) program(name string) string { return filepath.Join(n.State.Programs(), name) }

func (n Node) component(name string) string { return n.Name() + "-" + name }

// Start starts the node's components, with the images in its containerd before the kubelet runs a Pod from them. It does
// not wait until the node is ready.
func (n Node) Start(ctx context.Context, images []image.Layout) error {
	if err := n.configure(); err != nil {
		return err
	}
	if err := machine.CreateCgroup(n.Plan.Name(), n.Name()); err != nil {
		return err
	}
	if err := n.start("containerd", "--config", n.path("containerd.toml")); err != nil {
		return err
	}
	if err := n.Table.Wait(ctx, n.component("containerd"), startTimeout, n.containerdReady); err != nil {
		return err
	}
	for _, layout := range images {
		if err := n.importImage(ctx, layout); err != nil {
			return err
		}
	}
	if err := n.start("kube-proxy", "--config", n.path("kube-proxy.json"), "--hostname-override", n.Name()); err != nil {
		return err
	}
	return n.start("kubelet",
		"--config", n.path("kubelet.json"), "--kubeconfig", n.State.Kubeconfig(n.Name()),
		"--hostname-override", n.Name(), "--node-ip", n.Plan.Node(n.Number).String(), "--root-dir", n.path("kubelet"))
}

// Kubelet is the name of the kubelet's process.
func (n Node) Kubelet() string { return n.component("kubelet") }

func (n Node) start(program string, arguments ...string) error {
	return n.Table.Start(process.Spec{
		Name: n.component(program), Program: n.program(program), Arguments: arguments, Namespace: n.Plan.Namespace(n.Number),
		// containerd looks for its shim there.
		Variables: []string{"PATH=" + n.State.Programs() + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	})
}

func (n Node) containerdReady(ctx context.Context) error {
	return n.ctr(ctx, nil, "version")
}

// importImage streams an image into containerd, in the namespace in which Kubernetes keeps its images.
func (n Node) importImage(ctx context.Context, layout image.Layout) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("importing image into node %q: %w", n.Name(), err)
	}
	archived := make(chan error, 1)
	go func() {
		defer writer.Close()
		archived <- layout.Archive(writer)
	}()
	err = n.ctr(ctx, reader, "--namespace", "k8s.io", "images", "import", "-")
	reader.Close() // ends the archive if the import ended before it
	if archiveErr := <-archived; err == nil {
		err = archiveErr
	}
	if err != nil {
		return fmt.Errorf("importing image into node %q: %w", n.Name(), err)
	}
	return nil
}

func (n Node) ctr(ctx context.Context, input *os.File, arguments ...string) error {
	command := exec.CommandContext(ctx, n.program("ctr"), append([]string{"--address", n.socket()}, arguments...)...)
	if input != nil {
		command.Stdin = input
	}
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("running ctr %s: %w: %s", arguments[0], err, bytes.TrimSpace(output))
	}
	return nil
}
