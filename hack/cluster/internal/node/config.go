package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

type object = map[string]any

// configure writes every configuration file of the node.
func (n Node) configure() error {
	for _, dir := range []string{n.path("cni"), n.path("certs.d"), n.path("kubelet"), n.runDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("configuring node %q: %w", n.Name(), err)
		}
	}
	files := map[string][]byte{"containerd.toml": []byte(n.containerdConfig())}
	for name, config := range map[string]object{
		"cni/pods.conflist": n.networkConfig(), "kubelet.json": n.kubeletConfig(), "kube-proxy.json": n.proxyConfig(),
	} {
		data, err := json.MarshalIndent(config, "", "  ")
		if err != nil {
			return fmt.Errorf("configuring node %q: %w", n.Name(), err)
		}
		files[name] = data
	}
	for _, address := range n.Plain {
		files[filepath.Join("certs.d", address, "hosts.toml")] = fmt.Appendf(nil, "server = %q\n", "http://"+address)
	}
	for _, address := range n.TLS {
		files[filepath.Join("certs.d", address, "hosts.toml")] = fmt.Appendf(nil,
			"server = %[1]q\n\n[host.%[1]q]\n  ca = %[2]q\n", "https://"+address, n.State.RegistryCA())
	}
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(n.path(name)), 0o755); err != nil {
			return fmt.Errorf("configuring node %q: %w", n.Name(), err)
		}
		if err := os.WriteFile(n.path(name), data, 0o644); err != nil {
			return fmt.Errorf("configuring node %q: %w", n.Name(), err)
		}
	}
	return nil
}

// containerdConfig keeps everything below directories of this node. Plugins that would share a path with other nodes, or
// look for file systems that are not there, are off.
func (n Node) containerdConfig() string {
	return fmt.Sprintf(`version = 3
root = %[1]q
state = %[2]q
disabled_plugins = [
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.erofs",
]

[grpc]
  address = %[3]q

[plugins."io.containerd.internal.v1.opt"]
  path = %[4]q

[plugins."io.containerd.shim.v1.manager"]
  socket_dir = %[5]q

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = %[6]q

[plugins."io.containerd.cri.v1.images".registry]
  config_path = %[7]q

[plugins."io.containerd.cri.v1.runtime"]
  netns_mounts_under_state_dir = true
  # A machine may lack CAP_SYS_RESOURCE; without this no container could be created there.
  restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = [%[8]q]
  conf_dir = %[9]q

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = %[10]q
  Root = %[11]q
  SystemdCgroup = false
`, n.path("containerd"), filepath.Join(n.runDir(), "containerd"), n.socket(), n.path("opt"), filepath.Join(n.runDir(), "s"),
		PauseImage, n.path("certs.d"), n.State.Programs(), n.path("cni"), n.program("runc"), filepath.Join(n.runDir(), "runc"))
}

// networkConfig gives Pods routed addresses on a bridge inside the node's namespace.
func (n Node) networkConfig() object {
	return object{
		"cniVersion": "1.0.0",
		"name":       n.Plan.Name() + "-" + n.Name(),
		"plugins": []object{
			{
				"type": "bridge", "bridge": "pods", "isGateway": true, "hairpinMode": true,
				"ipam": object{
					"type":    "host-local",
					"dataDir": n.path("addresses"),
					"ranges":  [][]object{{{"subnet": n.Plan.NodePods(n.Number).String()}}},
					"routes":  []object{{"dst": "0.0.0.0/0"}},
				},
			},
			{"type": "portmap", "backend": "nftables", "capabilities": object{"portMappings": true}},
		},
	}
}

func (n Node) kubeletConfig() object {
	return object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"address":    n.Plan.Node(n.Number).String(),
		"authentication": object{
			"anonymous": object{"enabled": false},
			"webhook":   object{"enabled": true},
			"x509":      object{"clientCAFile": n.Authority},
		},
		"authorization":            object{"mode": "Webhook"},
		"tlsCertFile":              n.Pair.Certificate,
		"tlsPrivateKeyFile":        n.Pair.Key,
		"containerRuntimeEndpoint": "unix://" + n.socket(),
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               "/" + n.Plan.Name() + "/" + n.Name(),
		"failCgroupV1":             false,
		"failSwapOn":               false,
		"makeIPTablesUtilChains":   false,
		// The cluster has no name server. A name then fails at once in every Pod, and the kubelet does not warn of a missing one.
		"clusterDNS":          []string{"127.0.0.1"},
		"clusterDomain":       "cluster.local",
		"resolvConf":          "/dev/null",
		"podLogsDir":          n.path("pods"),
		"volumePluginDir":     n.path("volume-plugins"),
		"serializeImagePulls": false,
		"registryPullQPS":     0,
		// The disk is the developer's own and may be nearly full. And the kubelet must never delete an image to make room:
		// those that were imported could not be pulled again.
		"evictionHard": object{
			"imagefs.available": "1%", "imagefs.inodesFree": "1%", "memory.available": "100Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%",
		},
		"imageGCHighThresholdPercent": 100,
		"imageGCLowThresholdPercent":  99,
		// How often volumes are measured: a Pod that uses too much of the disk is found out in seconds instead of minutes.
		"volumeStatsAggPeriod": "10s",
	}
}

func (n Node) proxyConfig() object {
	return object{
		"apiVersion":         "kubeproxy.config.k8s.io/v1alpha1",
		"kind":               "KubeProxyConfiguration",
		"mode":               "nftables",
		"clientConnection":   object{"kubeconfig": n.State.Kubeconfig("proxy")},
		"clusterCIDR":        n.Plan.Pods().String(),
		"bindAddress":        n.Plan.Node(n.Number).String(),
		"healthzBindAddress": "127.0.0.1:10256",
		"metricsBindAddress": "127.0.0.1:10249",
		// Limits of connection tracking belong to the machine, not to a namespace.
		"conntrack": object{"maxPerCore": 0, "min": 0},
	}
}
