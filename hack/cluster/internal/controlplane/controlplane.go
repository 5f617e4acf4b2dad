// Package controlplane runs etcd, the API server, the controller manager and the scheduler on the machine itself, at
// the address that nodes and Pods reach. It must not know how a node is made.
package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/network"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/pki"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/process"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/state"
)

// startTimeout is how long a component may take to be ready on a machine that is busy with other things.
const startTimeout = 2 * time.Minute

// Plane is the control plane of one cluster.
type Plane struct {
	state state.Dir
	plan  network.Plan
	table process.Table

	authority *pki.Authority // of the cluster
	etcd      *pki.Authority // of etcd alone, else every client of the API server were one of etcd
	pairs     map[string]pki.Pair
}

// New makes the certificates and kubeconfigs of the control plane.
func New(dir state.Dir, plan network.Plan, table process.Table) (*Plane, error) {
	plane := &Plane{state: dir, plan: plan, table: table, pairs: make(map[string]pki.Pair)}
	var err error
	if plane.authority, err = pki.NewAuthority(dir.Certificates(), "cluster-ca"); err != nil {
		return nil, err
	}
	if plane.etcd, err = pki.NewAuthority(dir.Certificates(), "etcd-ca"); err != nil {
		return nil, err
	}
	host := plan.Host().String()
	// 127.0.0.1 and localhost let a proxy stand before the server, e.g. one that makes the link slow.
	server := []string{host, plan.KubernetesService().String(), "127.0.0.1", "localhost",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	issue := func(authority *pki.Authority, file string, subject pki.Subject) {
		if err == nil {
			plane.pairs[file], err = authority.Issue(file, subject)
		}
	}
	issue(plane.etcd, "etcd", pki.Subject{Name: "etcd", Hosts: []string{host}})
	issue(plane.etcd, "etcd-client", pki.Subject{Name: "kube-apiserver"})
	issue(plane.authority, "apiserver", pki.Subject{Name: "kube-apiserver", Hosts: server})
	issue(plane.authority, "apiserver-kubelet", pki.Subject{Name: "kube-apiserver-kubelet", Organizations: []string{"system:masters"}})
	issue(plane.authority, "service-accounts", pki.Subject{Name: "service-accounts"})
	if err != nil {
		return nil, err
	}
	for user, subject := range map[string]pki.Subject{
		"admin":              {Name: "admin", Organizations: []string{"system:masters"}},
		"controller-manager": {Name: "system:kube-controller-manager"},
		"scheduler":          {Name: "system:kube-scheduler"},
		"proxy":              {Name: "system:kube-proxy"},
	} {
		if _, err := plane.AddUser(user, subject); err != nil {
			return nil, err
		}
	}
	return plane, nil
}

// AddUser makes a kubeconfig of the given name and returns the certificate in it.
func (p *Plane) AddUser(name string, subject pki.Subject) (pki.Pair, error) {
	pair, err := p.authority.Issue(name, subject)
	if err != nil {
		return pki.Pair{}, err
	}
	return pair, WriteKubeconfig(p.state.Kubeconfig(name), p.Server(), p.authority.Pair(), pair)
}

// Authority is the path of the certificate that signs everybody's in the cluster.
func (p *Plane) Authority() string { return p.authority.Pair().Certificate }

// Server is the URL of the API server.
func (p *Plane) Server() string { return "https://" + p.plan.HostPort(6443) }

// Start starts the components and waits until the API server is ready.
func (p *Plane) Start(ctx context.Context) error {
	if err := os.MkdirAll(p.state.Path("etcd"), 0o700); err != nil {
		return fmt.Errorf("starting etcd: %w", err)
	}
	if err := p.table.Start(p.etcdSpec()); err != nil {
		return err
	}
	if err := p.table.Start(p.apiserverSpec()); err != nil { // it waits for etcd by itself
		return err
	}
	client, err := NewClient(p.state.Kubeconfig("admin"))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := p.table.Wait(ctx, "kube-apiserver", startTimeout, client.Ready); err != nil {
		return err
	}
	for _, name := range []string{"controller-manager", "scheduler"} {
		if err := p.table.Start(p.controllerSpec(name)); err != nil {
			return err
		}
	}
	return nil
}

// WaitForControllers waits until the controllers have done what Pods of the default namespace need. They are the slowest
// to begin, so the nodes may be started before.
func (p *Plane) WaitForControllers(ctx context.Context) error {
	client, err := NewClient(p.state.Kubeconfig("admin"))
	if err != nil {
		return err
	}
	defer client.Close()
	return p.table.Wait(ctx, "kube-controller-manager", startTimeout, client.HasDefaultServiceAccount)
}

func (p *Plane) program(name string) string { return filepath.Join(p.state.Programs(), name) }

func (p *Plane) etcdSpec() process.Spec {
	client, peer := "https://"+p.plan.HostPort(2379), "https://"+p.plan.HostPort(2380)
	ca, pair := p.etcd.Pair(), p.pairs["etcd"]
	return process.Spec{Name: "etcd", Program: p.program("etcd"), Arguments: []string{
		"--name=default", "--data-dir=" + p.state.Path("etcd"),
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
		"--cert-file=" + pair.Certificate, "--key-file=" + pair.Key, "--trusted-ca-file=" + ca.Certificate, "--client-cert-auth",
		"--peer-cert-file=" + pair.Certificate, "--peer-key-file=" + pair.Key, "--peer-trusted-ca-file=" + ca.Certificate, "--peer-client-cert-auth",
		"--unsafe-no-fsync", // the data is never worth more than the machine's uptime
	}}
}

func (p *Plane) apiserverSpec() process.Spec {
	host, accounts := p.plan.Host().String(), p.pairs["service-accounts"]
	return process.Spec{Name: "kube-apiserver", Program: p.program("kube-apiserver"), Arguments: []string{
		"--bind-address=" + host, "--advertise-address=" + host, "--secure-port=6443",
		"--tls-cert-file=" + p.pairs["apiserver"].Certificate, "--tls-private-key-file=" + p.pairs["apiserver"].Key,
		"--client-ca-file=" + p.Authority(),
		"--etcd-servers=https://" + p.plan.HostPort(2379), "--etcd-cafile=" + p.etcd.Pair().Certificate,
		"--etcd-certfile=" + p.pairs["etcd-client"].Certificate, "--etcd-keyfile=" + p.pairs["etcd-client"].Key,
		"--kubelet-certificate-authority=" + p.Authority(), "--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate=" + p.pairs["apiserver-kubelet"].Certificate,
		"--kubelet-client-key=" + p.pairs["apiserver-kubelet"].Key,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + accounts.Certificate, "--service-account-signing-key-file=" + accounts.Key,
		"--service-cluster-ip-range=" + p.plan.Services().String(),
	}}
}

// controllerSpec is what the controller manager and the scheduler have in common, and what the former has besides.
func (p *Plane) controllerSpec(name string) process.Spec {
	kubeconfig := p.state.Kubeconfig(name)
	arguments := []string{
		"--bind-address=" + p.plan.Host().String(), "--leader-elect=false", "--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
	}
	if name == "controller-manager" {
		ca := p.authority.Pair()
		arguments = append(arguments,
			"--use-service-account-credentials", "--service-account-private-key-file="+p.pairs["service-accounts"].Key,
			"--root-ca-file="+ca.Certificate, "--cluster-signing-cert-file="+ca.Certificate, "--cluster-signing-key-file="+ca.Key)
	}
	return process.Spec{Name: "kube-" + name, Program: p.program("kube-" + name), Arguments: arguments}
}
