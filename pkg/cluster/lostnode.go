package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// ReasonNodeLost is the reason of a StartError and of a NotReadyError about a member whose node is lost.
const ReasonNodeLost = string(CauseNodeLost)

// NodeLostError says that a Pod cannot end, for its node is lost: only the kubelet there could confirm it.
type NodeLostError struct{ Name, Namespace, Pod, Node string }

func (e *NodeLostError) Error() string {
	return fmt.Sprintf("Pod %q cannot end: node %q is not ready, or does not report any more", e.Pod, e.Node)
}

// nodeLost is true of a Pod that is not ready though its containers are: a kubelet reports the two kube.Together, where no
// readiness gate is between them, and when it does not report any more, or that its node is not ready, the nodes'
// controller changes the first alone.
// (k8s.io/kubernetes/pkg/controller/util/node, MarkPodsNotReady)
func nodeLost(pod *corev1.Pod) bool {
	ready, containers := find(pod, corev1.PodReady), find(pod, corev1.ContainersReady)
	return len(pod.Spec.ReadinessGates) == 0 && ready != nil && ready.Status != corev1.ConditionTrue &&
		containers != nil && containers.Status == corev1.ConditionTrue
}

func ofLostNode(pod *corev1.Pod) string {
	return fmt.Sprintf("node %q is not ready, or does not report any more", pod.Spec.NodeName)
}

// giveUpLost removes the builder's members on lost nodes without their kubelets' word, and says which these were. Should a
// node come back, its kubelet ends the Pod.
func (c *Client) giveUpLost(ctx context.Context, name string, member func(*corev1.Pod) bool) (removed map[types.UID]bool, err error) {
	pods, err := c.membersOf(ctx, name, member)
	if err != nil {
		return nil, err
	}
	removed = map[types.UID]bool{}
	for _, pod := range pods {
		if !nodeLost(pod) {
			continue
		}
		if err := c.Delete(ctx, kube.KindPod, pod, kube.Deletion{Grace: new(int64)}); err != nil {
			return removed, err
		}
		removed[pod.UID] = true
	}
	return removed, nil
}
