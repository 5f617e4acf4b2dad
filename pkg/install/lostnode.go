package install

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// giveUpLost removes the builder's members on lost nodes without their kubelets' word, and says which these were. Should a
// node come back, its kubelet ends the Pod.
func (c api) giveUpLost(ctx context.Context, name string, member func(*corev1.Pod) bool) (removed map[types.UID]bool, err error) {
	pods, err := c.membersOf(ctx, name, member)
	if err != nil {
		return nil, err
	}
	removed = map[types.UID]bool{}
	for _, pod := range pods {
		if !cluster.NodeLost(pod) {
			continue
		}
		if err := c.Delete(ctx, kube.KindPod, pod, kube.Deletion{Grace: new(int64)}); err != nil {
			return removed, err
		}
		removed[pod.UID] = true
	}
	return removed, nil
}
