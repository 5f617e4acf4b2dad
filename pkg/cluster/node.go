package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// Node is what matters of a node to a builder.
type Node struct {
	Name         string `json:"name"`
	Architecture string `json:"architecture"` // e.g. "amd64"
	System       string `json:"system"`       // e.g. "Debian GNU/Linux 12 (bookworm)"
	Kernel       string `json:"kernel"`       // e.g. "6.8.0-45-generic"
	Runtime      string `json:"runtime"`      // e.g. "containerd://2.4.2"
	Kubelet      string `json:"kubelet"`      // e.g. "v1.37.2"
	// Obstacle is why a member could not run there; empty when it could.
	Obstacle string `json:"obstacle,omitempty"`
	// Rootless and UserNamespaces say why these ways to run a member are in doubt there; empty when
	// nothing is known against them.
	Rootless       string `json:"rootlessObstacle,omitempty"`
	UserNamespaces string `json:"userNamespacesObstacle,omitempty"`
	// HasImage says that the node lists the image among those it has. It lists the largest fifty
	// only.
	HasImage bool `json:"hasImage"`
}

// Needs are what a member asks of its node.
type Needs struct {
	Image       string
	Selector    map[string]string
	Tolerations []corev1.Toleration
	Requests    corev1.ResourceList
}

// NeedsOf are those of a builder that is still to be installed.
func NeedsOf(spec builder.Spec) Needs {
	spec = spec.WithDefaults()
	return Needs{Image: spec.Image, Selector: spec.NodeLabels(), Tolerations: spec.Tolerations, Requests: spec.Requests}
}

func needsOf(pod *corev1.Pod, container *corev1.Container) Needs {
	return Needs{
		Image: container.Image, Selector: pod.Spec.NodeSelector, Tolerations: pod.Spec.Tolerations,
		Requests: container.Resources.Requests,
	}
}

// Nodes are the cluster's nodes, measured by the needs. What runs on them already is not counted.
func (c *Client) Nodes(ctx context.Context, needs Needs) ([]Node, error) {
	list := &corev1.NodeList{}
	options := metav1.ListOptions{ResourceVersion: "0"} // any answer will do, and the server has one in memory
	if err := c.ListObjects(ctx, kube.KindNode, options, list); err != nil {
		return nil, err
	}
	nodes := make([]Node, 0, len(list.Items))
	for i := range list.Items {
		node := &list.Items[i]
		info := node.Status.NodeInfo
		nodes = append(nodes, Node{
			Name: node.Name, Architecture: info.Architecture, System: info.OSImage, Kernel: info.KernelVersion,
			Runtime: info.ContainerRuntimeVersion, Kubelet: info.KubeletVersion,
			Obstacle: obstacle(node, needs), HasImage: holds(node, needs.Image),
			Rootless: againstRootless(info), UserNamespaces: againstUserNamespaces(node.Status),
		})
	}
	return nodes, nil
}

// Architectures are those of the cluster's Linux nodes, e.g. "amd64", as the scheduler knows them.
func (c *Client) Architectures(ctx context.Context) ([]string, error) {
	list := &corev1.NodeList{}
	options := metav1.ListOptions{ResourceVersion: "0", LabelSelector: corev1.LabelOSStable + "=linux"}
	if err := c.ListObjects(ctx, kube.KindNode, options, list); err != nil {
		return nil, err
	}
	var found []string
	for _, node := range list.Items {
		if arch := node.Labels[corev1.LabelArchStable]; arch != "" {
			found = append(found, arch)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// obstacle is the first reason why the scheduler would not put a member there.
func obstacle(node *corev1.Node, needs Needs) string {
	if system := node.Status.NodeInfo.OperatingSystem; system != "" && system != "linux" {
		return "it runs " + system
	}
	if !ready(node) {
		return "it is not ready"
	}
	if node.Spec.Unschedulable {
		return "it is cordoned"
	}
	for _, key := range slices.Sorted(maps.Keys(needs.Selector)) {
		if value := needs.Selector[key]; node.Labels[key] != value {
			return fmt.Sprintf("its label %s is %q, not %q", key, node.Labels[key], value)
		}
	}
	for _, taint := range node.Spec.Taints {
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !tolerated(&taint, needs.Tolerations) {
			return "taint " + taint.ToString()
		}
	}
	for _, resource := range slices.Sorted(maps.Keys(needs.Requests)) {
		wanted := needs.Requests[resource]
		if has := node.Status.Allocatable[resource]; has.Cmp(wanted) < 0 {
			return fmt.Sprintf("it has %s of %s, less than the %s requested", has.String(), resource, wanted.String())
		}
	}
	return ""
}

func ready(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func tolerated(taint *corev1.Taint, tolerations []corev1.Toleration) bool {
	return slices.ContainsFunc(tolerations, func(t corev1.Toleration) bool { return t.ToleratesTaint(klog.Logger{}, taint, false) })
}

// holds compares whole names: "moby/buildkit" is "docker.io/moby/buildkit:latest".
func holds(node *corev1.Node, image string) bool {
	wanted := wholeName(image)
	for _, present := range node.Status.Images {
		for _, name := range present.Names {
			if wholeName(name) == wanted {
				return true
			}
		}
	}
	return false
}

func wholeName(image string) string {
	named, err := reference.ParseNormalizedNamed(strings.TrimSpace(image))
	if err != nil {
		return image
	}
	return reference.TagNameOnly(named).String()
}

// PodSecurity is the level that the namespace enforces by its label; empty when it has none, so
// that the cluster's default holds.
func (c *Client) PodSecurity(ctx context.Context) (string, error) {
	namespace := &corev1.Namespace{}
	err := c.Get(ctx, kube.KindNamespace, c.Namespace(), namespace)
	return namespace.Labels["pod-security.kubernetes.io/enforce"], err
}

// ReasonNodeLost is the reason of a StartError and of a NotReadyError about a member whose node is
// lost.
const ReasonNodeLost = string(CauseNodeLost)

// NodeLostError says that a Pod cannot end, for its node is lost: only the kubelet there could
// confirm it.
type NodeLostError struct{ Name, Namespace, Pod, Node string }

func (e *NodeLostError) Error() string {
	return fmt.Sprintf("Pod %q cannot end: node %q is not ready, or does not report any more", e.Pod, e.Node)
}

// Class returns fault.Unavailable.
func (*NodeLostError) Class() fault.Class { return fault.Unavailable }

// NodeLost is true of a Pod that is not ready though its containers are: a kubelet reports the two
// together, where no readiness gate is between them, and when it does not report any more, or that
// its node is not ready, the nodes' controller changes the first alone.
// (k8s.io/kubernetes/pkg/controller/util/node, MarkPodsNotReady)
func NodeLost(pod *corev1.Pod) bool {
	ready, containers := find(pod, corev1.PodReady), find(pod, corev1.ContainersReady)
	return len(pod.Spec.ReadinessGates) == 0 && ready != nil && ready.Status != corev1.ConditionTrue &&
		containers != nil && containers.Status == corev1.ConditionTrue
}

func ofLostNode(pod *corev1.Pod) string {
	return fmt.Sprintf("node %q is not ready, or does not report any more", pod.Spec.NodeName)
}
