package install

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// awaitGone waits until the builder has none of its members any more. It does not wait for a lost
// node, which is a *NodeLostError, nor for finalizers of others, which are a *HeldError.
func (c api) awaitGone(ctx context.Context, name string, member func(*corev1.Pod) bool, report func(Event)) error {
	options := selecting(name)
	left := map[types.UID]string{}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	held := holds{timers: map[types.UID]*time.Timer{}, giveUp: giveUp}
	err := c.Follow(ctx, kube.KindPod, options, func(event watch.Event) (bool, error) {
		if event.Type == kube.Listed {
			clear(left)
			return false, nil
		}
		pod, ok := event.Object.(*corev1.Pod)
		switch {
		case !ok || !member(pod):
			return false, nil // others may have the labels too
		case event.Type == watch.Deleted:
			delete(left, pod.UID)
			held.gone(pod.UID)
			if report != nil {
				report(Event{Kind: EventRemoved, Pod: pod.Name, Message: "is gone"})
			}
		default:
			left[pod.UID] = pod.Name
			held.changed(c, pod)
			if cluster.NodeLost(pod) {
				return true, &cluster.NodeLostError{Name: name, Namespace: c.Namespace(), Pod: pod.Name, Node: pod.Spec.NodeName}
			}
		}
		return len(left) == 0, nil
	}, func() bool { return len(left) == 0 })
	if keeping := (*HeldError)(nil); errors.As(context.Cause(ctx), &keeping) {
		err = keeping
	}
	if err != nil {
		return fmt.Errorf("waiting for the end of builder %q: %w", name, err)
	}
	return nil
}

// giveUpLost removes the builder's members on lost nodes without their kubelets' word, and says
// which these were. Should a node come back, its kubelet ends the Pod.
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
