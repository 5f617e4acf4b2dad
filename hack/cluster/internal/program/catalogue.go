package program

import (
	"fmt"
	"slices"
	"time"
)

// BuildKitVersion is the version of buildkitd, and the tag of its images.
const BuildKitVersion = "v0.34.2"

const kubernetesVersion = "v1.37.2"

// Catalogue is every program that can be built, in the order in which a cold cache is best filled.
func Catalogue() []Program {
	const (
		containerd = "github.com/containerd/containerd/v2/cmd/"
		buildkit   = "github.com/moby/buildkit/cmd/"
		cni        = "github.com/containernetworking/plugins/plugins/"

		kubernetesFlags = "-X k8s.io/component-base/version.gitVersion=" + kubernetesVersion +
			" -X k8s.io/client-go/pkg/version.gitVersion=" + kubernetesVersion
		containerdTags = "no_btrfs,no_devmapper,no_zfs"
		buildkitFlags  = "-X github.com/moby/buildkit/version.Version=" + BuildKitVersion
	)
	return []Program{
		{Name: "etcd", Usual: time.Minute, Module: "kubernetes", Package: "go.etcd.io/etcd/server/v3"},
		{Name: "kubernetes", Usual: 8 * time.Minute, Module: "kubernetes", Package: ".", LDFlags: kubernetesFlags},
		{Name: "kubectl", Usual: 20 * time.Second, Module: "kubernetes", Package: "k8s.io/kubernetes/cmd/kubectl", LDFlags: kubernetesFlags},
		{Name: "containerd", Usual: time.Minute, Module: "tools", Package: containerd + "containerd", Tags: containerdTags},
		{Name: "containerd-shim-runc-v2", Usual: 2 * time.Second, Module: "tools", Package: containerd + "containerd-shim-runc-v2", Tags: containerdTags},
		{Name: "ctr", Usual: 5 * time.Second, Module: "tools", Package: containerd + "ctr", Tags: containerdTags},
		// Without seccomp no container starts that has a profile, and BuildKit gives every RUN step one.
		{Name: "runc", Usual: 15 * time.Second, Module: "runc", Package: "github.com/opencontainers/runc", CGO: true, Tags: "netgo,osusergo,seccomp",
			LDFlags: "-linkmode external -extldflags -static"},
		{Name: "bridge", Usual: 2 * time.Second, Module: "tools", Package: cni + "main/bridge"},
		{Name: "loopback", Usual: time.Second, Module: "tools", Package: cni + "main/loopback"},
		{Name: "host-local", Usual: time.Second, Module: "tools", Package: cni + "ipam/host-local"},
		{Name: "portmap", Usual: time.Second, Module: "tools", Package: cni + "meta/portmap"},
		{Name: "registry", Usual: 65 * time.Second, Module: "tools", Package: "github.com/distribution/distribution/v3/cmd/registry"},
		{Name: "buildkitd", Usual: 75 * time.Second, Module: "tools", Package: buildkit + "buildkitd", LDFlags: buildkitFlags, Tags: "netgo,osusergo,seccomp,static_build"},
		{Name: "buildctl", Usual: 8 * time.Second, Module: "tools", Package: buildkit + "buildctl", LDFlags: buildkitFlags},
		{Name: "rootlesskit", Usual: 12 * time.Second, Module: "tools", Package: "github.com/rootless-containers/rootlesskit/v3/cmd/rootlesskit"},
		{Name: "buildx", Usual: time.Minute, Module: "buildx", Package: "github.com/docker/buildx/cmd/buildx",
			LDFlags: "-X github.com/docker/buildx/version.Version=v0.38.2"},
		{Name: "krew", Usual: 12 * time.Second, Module: "krew", Package: "sigs.k8s.io/krew/cmd/krew"},
		{Name: "validate-krew-manifest", Usual: 5 * time.Second, Module: "krew", Package: "sigs.k8s.io/krew/cmd/validate-krew-manifest"},
	}
}

// Names is the names of every program of the catalogue.
func Names() []string {
	var names []string
	for _, program := range Catalogue() {
		names = append(names, program.Name)
	}
	return names
}

// onDemand is the programs that no part of the cluster runs: peers for benchmarks, and checks of releases.
func onDemand() []string {
	return []string{"kubectl", "buildx", "krew", "validate-krew-manifest"}
}

// ClusterNames is the names of the programs that the cluster itself is made of.
func ClusterNames() []string {
	return slices.DeleteFunc(Names(), func(name string) bool { return slices.Contains(onDemand(), name) })
}

func find(name string) (Program, error) {
	for _, program := range Catalogue() {
		if program.Name == name {
			return program, nil
		}
	}
	return Program{}, fmt.Errorf("finding program %q: there are %q", name, Names())
}
