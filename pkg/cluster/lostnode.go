package cluster

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// ReasonNodeLost is the reason of a StartError and of a NotReadyError about a member whose node is lost.
const ReasonNodeLost = string(CauseNodeLost)

// NodeLostError says that a Pod cannot end, for its node is lost: only the kubelet there could confirm it.
type NodeLostError struct{ Name, Namespace, Pod, Node string }

func (e *NodeLostError) Error() string {
	return fmt.Sprintf("Pod %q cannot end: node %q is not ready, or does not report any more", e.Pod, e.Node)
}

// Class returns fault.Unavailable.
func (*NodeLostError) Class() fault.Class { return fault.Unavailable }

// NodeLost is true of a Pod that is not ready though its containers are: a kubelet reports the two together, where no
// readiness gate is between them, and when it does not report any more, or that its node is not ready, the nodes'
// controller changes the first alone.
// (k8s.io/kubernetes/pkg/controller/util/node, MarkPodsNotReady)
func NodeLost(pod *corev1.Pod) bool {
	ready, containers := find(pod, corev1.PodReady), find(pod, corev1.ContainersReady)
	return len(pod.Spec.ReadinessGates) == 0 && ready != nil && ready.Status != corev1.ConditionTrue &&
		containers != nil && containers.Status == corev1.ConditionTrue
}

func ofLostNode(pod *corev1.Pod) string {
	return fmt.Sprintf("node %q is not ready, or does not report any more", pod.Spec.NodeName)
}
