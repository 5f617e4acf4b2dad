package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/controlplane"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/image"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/machine"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/node"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/pki"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/process"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/program"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/registry"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/state"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/volume"
)

// readyTimeout is how long a node may take from the start of its kubelet.
const readyTimeout = 2 * time.Minute

// start is what the steps of Up hand to each other.
type start struct {
	*Cluster
	cache      *program.Cache
	programs   map[string]string
	images     images
	record     state.Record
	registries registry.Set
	plane      *controlplane.Plane
}

// Up makes the cluster run. One that runs already and was made from the same things is left alone.
func (c *Cluster) Up(ctx context.Context) error {
	begin := time.Now()
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	cache, err := c.programs(ctx)
	if err != nil {
		return err
	}
	configuration, err := c.configuration(cache)
	if err != nil {
		return err
	}
	if record, err := c.options.State.Load(); err == nil && record.Configuration == configuration && c.healthy(ctx, record) == nil {
		fmt.Fprintf(c.progress, "the cluster runs already, with %d node(s)\n", record.Nodes)
		return nil
	}
	credentials := registry.NewCredentials()
	s := &start{Cluster: c, cache: cache, record: state.Record{
		Configuration: configuration, Nodes: c.plan.Nodes, Password: credentials.Builder, ReaderPassword: credentials.Reader,
	}}
	err = c.run(ctx, []step{
		{"removing what is left of an earlier cluster", c.clean},
		{"installing packages", func(ctx context.Context) error { return machine.InstallPackages(ctx, c.progress) }},
		{"building programs", s.buildPrograms},
		{"making images", s.makeImages},
		{"preparing state and network", s.prepare},
		{"starting registries", s.startRegistries},
		{"starting control plane", s.startControlPlane},
		{"starting nodes", s.startNodes},
		{"starting provisioner of volumes", s.startProvisioner},
		{"pushing base images", s.pushImages},
		{"waiting for nodes", s.waitForNodes},
		{"waiting for controllers", func(ctx context.Context) error { return s.plane.WaitForControllers(ctx) }},
	})
	if err != nil {
		return err
	}
	s.record.Complete = true
	if err := c.options.State.Save(s.record); err != nil {
		return err
	}
	fmt.Fprintf(c.progress, "ready after %.1fs: kubectl --kubeconfig %s get nodes\n", time.Since(begin).Seconds(), c.options.State.Kubeconfig("admin"))
	return nil
}

func (s *start) buildPrograms(ctx context.Context) error {
	names := program.ClusterNames()
	if _, err := exec.LookPath("kubectl"); err != nil {
		names = append(names, "kubectl")
	}
	programs, err := s.cache.Build(ctx, names...)
	s.programs = programs
	return err
}

func (s *start) makeImages(ctx context.Context) error {
	made, err := s.Cluster.makeImages(ctx, s.cache, s.programs)
	s.images = made
	return err
}

func (s *start) startRegistries(ctx context.Context) error {
	configurations, err := s.registries.Configure()
	if err != nil {
		return err
	}
	programs, addresses := s.options.State.Programs(), s.registries.Addresses
	for _, server := range []struct{ name, network, address, program, verb string }{
		{"registry-open", "tcp", addresses.Open, "registry", "serve"},
		{"registry-token", "unix", s.registries.Socket, "registry", "serve"},
		{"registry-basic", "tcp", addresses.Basic, "registry", "serve"},
		{"token-server", "tcp", addresses.Token, self, "token-server"},
	} {
		err := s.table.Start(process.Spec{
			Name: server.name, Program: filepath.Join(programs, server.program), Arguments: []string{server.verb, configurations[server.name]},
			Variables: []string{"OTEL_TRACES_EXPORTER=none"}, // the cluster has no collector of traces
		})
		if err != nil {
			return err
		}
		err = s.table.Wait(ctx, server.name, readyTimeout, func(ctx context.Context) error { return registry.Listening(ctx, server.network, server.address) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *start) startControlPlane(ctx context.Context) error { return s.plane.Start(ctx) }

// startProvisioner makes the classes of volumes, and starts what makes the volumes.
func (s *start) startProvisioner(ctx context.Context) error {
	if _, err := s.plane.AddUser(volume.Process, pki.Subject{Name: volume.Process, Organizations: []string{"system:masters"}}); err != nil {
		return err
	}
	provisioner := volume.Config{
		Kubeconfig: s.options.State.Kubeconfig(volume.Process), Dir: s.options.State.Volumes(), ControlGroup: s.plan.Name(),
	}
	configuration, err := provisioner.Prepare(ctx)
	if err != nil {
		return err
	}
	return s.table.Start(process.Spec{
		Name: volume.Process, Program: filepath.Join(s.options.State.Programs(), self), Arguments: []string{volume.Process, configuration},
	})
}

func (s *start) startNodes(ctx context.Context) error {
	addresses := s.registries.Addresses
	for number := 1; number <= s.plan.Nodes; number++ {
		n := s.node(number)
		pair, err := s.plane.AddUser(n.Name(), pki.Subject{
			Name: "system:node:" + n.Name(), Organizations: []string{"system:nodes"},
			Hosts: []string{n.Name(), s.plan.Node(number).String()},
		})
		if err != nil {
			return err
		}
		n.Pair, n.Authority = pair, s.plane.Authority()
		n.Registries = node.Registries{Plain: []string{addresses.Open}, TLS: []string{addresses.Token, addresses.Basic}}
		if err := n.Start(ctx, []image.Layout{s.images.pause, s.images.buildkit, s.images.rootless}); err != nil {
			return err
		}
	}
	return nil
}

func (s *start) node(number int) node.Node {
	return node.Node{Number: number, State: s.options.State, Plan: s.plan, Table: s.table}
}

func (s *start) pushImages(ctx context.Context) error {
	for _, push := range []struct {
		layout    image.Layout
		name      string
		reference *string
	}{
		{s.images.base, "base/busybox:1", &s.record.BaseImage},
		{s.images.golang, "base/golang:1.26", &s.record.GoImage},
		{s.images.multi, "base/multi:1", &s.record.MultiImage},
	} {
		reference, err := s.registries.Push(ctx, push.layout, push.name)
		if err != nil {
			return err
		}
		*push.reference = reference
	}
	return nil
}

func (s *start) waitForNodes(ctx context.Context) error {
	client, err := controlplane.NewClient(s.options.State.Kubeconfig("admin"))
	if err != nil {
		return err
	}
	defer client.Close()
	for number := 1; number <= s.plan.Nodes; number++ {
		n := s.node(number)
		err := s.table.Wait(ctx, n.Kubelet(), readyTimeout, func(ctx context.Context) error { return client.NodeReady(ctx, n.Name()) })
		if err != nil {
			return err
		}
	}
	return nil
}
