package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/controlplane"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/network"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/pki"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/registry"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/state"
)

// prepare writes what the processes find when they start: directories, links to programs, certificates, the network.
func (s *start) prepare(ctx context.Context) error {
	dir := s.options.State
	if err := dir.Create(); err != nil {
		return err
	}
	if err := dir.Save(s.record); err != nil {
		return err
	}
	if err := os.MkdirAll(s.plan.RunDir(), 0o755); err != nil {
		return fmt.Errorf("creating directory of sockets: %w", err)
	}
	if err := os.WriteFile(s.ownerFile(), []byte(dir), 0o644); err != nil {
		return fmt.Errorf("claiming the cluster's name: %w", err)
	}
	if err := linkPrograms(dir, s.programs); err != nil {
		return err
	}
	if err := network.Create(ctx, s.plan); err != nil {
		return err
	}
	plane, err := controlplane.New(dir, s.plan, s.table)
	if err != nil {
		return err
	}
	s.plane = plane
	authority, err := pki.NewAuthority(dir.Certificates(), "registry-ca")
	if err != nil {
		return err
	}
	server, err := authority.Issue("registry", pki.Subject{Name: "registry", Hosts: []string{s.plan.Host().String(), "127.0.0.1", "localhost"}})
	if err != nil {
		return err
	}
	s.registries = registry.Set{
		Addresses:   registry.NewAddresses(s.plan.HostPort),
		Credentials: registry.Credentials{Builder: s.record.Password, Reader: s.record.ReaderPassword},
		Dir:         dir.Path("registries"),
		Socket:      filepath.Join(s.plan.RunDir(), "registry.sock"),
		Authority:   authority.Pair(),
		Server:      server,
	}
	return nil
}

// linkPrograms gives programs the names and the directory that their callers look for.
func linkPrograms(dir state.Dir, programs map[string]string) error {
	links := make(map[string]string)
	for name, path := range programs {
		links[filepath.Join(dir.Programs(), name)] = path
	}
	for _, component := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet"} {
		links[filepath.Join(dir.Programs(), component)] = programs["kubernetes"]
	}
	for _, name := range []string{"buildctl", "kubectl"} {
		if path, built := programs[name]; built {
			links[filepath.Join(dir.UserPrograms(), name)] = path
		}
	}
	for link, path := range links {
		if err := os.Symlink(path, link); err != nil {
			return fmt.Errorf("linking programs: %w", err)
		}
	}
	return copySelf(filepath.Join(dir.Programs(), self))
}

// self is the name of this very program among the cluster's.
const self = "cluster"

// copySelf keeps this very program: the token server and the provisioner of volumes are verbs of it, and `go run` deletes
// what it ran.
func copySelf(target string) error {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("copying this program: %w", err)
	}
	defer self.Close()
	file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return fmt.Errorf("copying this program: %w", err)
	}
	_, err = io.Copy(file, self)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("copying this program: %w", err)
	}
	return nil
}
