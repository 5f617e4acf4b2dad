package cluster_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func node(change func(node, info object)) object {
	info := object{
		"operatingSystem": "linux", "architecture": "amd64", "osImage": "Debian GNU/Linux 12", "kernelVersion": "6.8.0-45-generic",
		"containerRuntimeVersion": "containerd://2.4.2", "kubeletVersion": "v1.37.2",
	}
	n := object{
		"metadata": object{"name": "n", "labels": object{"disk": "ssd"}},
		"spec":     object{},
		"status": object{
			"conditions": []object{{"type": "Ready", "status": "True"}}, "nodeInfo": info, "allocatable": object{"memory": "4Gi"},
			"images": []object{{"names": []string{"docker.io/moby/buildkit:v0.34.2"}}},
		},
	}
	change(n, info)
	return n
}

func TestNodes(t *testing.T) {
	needs := cluster.Needs{
		Image: "moby/buildkit:v0.34.2", Selector: map[string]string{"disk": "ssd"},
		Tolerations: []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpExists}},
		Requests:    corev1.ResourceList{"memory": resource.MustParse("2Gi")},
	}
	set := func(part, name string, value any) func(object, object) {
		return func(n, _ object) { n[part].(object)[name] = value }
	}
	tell := func(name, value string) func(object, object) { return func(_, info object) { info[name] = value } }
	for name, test := range map[string]struct {
		change                       func(node, info object)
		obstacle, rootless, userNSes string
	}{
		"fits":       {change: func(object, object) {}},
		"not ready":  {change: set("status", "conditions", []object{{"type": "Ready", "status": "Unknown"}}), obstacle: "not ready"},
		"cordoned":   {change: set("spec", "unschedulable", true), obstacle: "cordoned"},
		"label":      {change: set("metadata", "labels", object{"disk": "hdd"}), obstacle: `disk is "hdd"`},
		"taint":      {change: set("spec", "taints", []object{{"key": "gpu", "effect": "NoSchedule"}}), obstacle: "taint gpu:NoSchedule"},
		"borne":      {change: set("spec", "taints", []object{{"key": "dedicated", "value": "x", "effect": "NoExecute"}})},
		"preference": {change: set("spec", "taints", []object{{"key": "gpu", "effect": "PreferNoSchedule"}})},
		"too small":  {change: set("status", "allocatable", object{"memory": "1Gi"}), obstacle: "1Gi of memory, less than the 2Gi"},
		"windows":    {change: tell("operatingSystem", "windows"), obstacle: "windows"},
		"bottlerocket": {
			change: tell("osImage", "Bottlerocket OS 1.20"), rootless: "Bottlerocket",
		},
		"ubuntu":         {change: tell("osImage", "Ubuntu 24.04.1 LTS"), rootless: "Ubuntu"},
		"older ubuntu":   {change: tell("osImage", "Ubuntu 22.04.5 LTS")},
		"old kernel":     {change: tell("kernelVersion", "5.4.0"), rootless: "5.11", userNSes: "6.3"},
		"old kubelet":    {change: tell("kubeletVersion", "v1.30.1"), userNSes: "1.33"},
		"old containerd": {change: tell("containerRuntimeVersion", "containerd://1.7.20"), userNSes: "2.0"},
		"no runtime":     {change: set("status", "runtimeHandlers", []object{{"name": ""}, {"name": "kata", "features": object{"userNamespaces": true}}}), userNSes: "its container runtime"},
		"a runtime":      {change: set("status", "runtimeHandlers", []object{{"name": "", "features": object{"userNamespaces": true}}, {"name": "kata"}})},
		"no version":     {change: tell("kernelVersion", "unknown")},
	} {
		t.Run(name, func(t *testing.T) {
			server := testcluster.New(t)
			server.Put("nodes", node(test.change))
			nodes, err := clientOf(t, server).Nodes(t.Context(), needs)
			if err != nil || len(nodes) != 1 || !nodes[0].HasImage {
				t.Fatalf("%+v, %v", nodes, err)
			}
			for what, pair := range map[string][2]string{
				"obstacle": {nodes[0].Obstacle, test.obstacle}, "rootless": {nodes[0].Rootless, test.rootless}, "user namespaces": {nodes[0].UserNamespaces, test.userNSes},
			} {
				if (pair[0] == "") != (pair[1] == "") || !strings.Contains(pair[0], pair[1]) {
					t.Errorf("%s: got %q, want %q", what, pair[0], pair[1])
				}
			}
		})
	}
}
