package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// forcedGrace is how long, in seconds, a forced stop leaves the daemon.
const forcedGrace = 1

// applyWorkload makes the members what they should be.
func (i *installation) applyWorkload(ctx context.Context) error {
	var err error
	for range attempts {
		if err = i.clearWay(ctx); err != nil {
			return err
		}
		err = i.applyOnce(ctx)
		if refused := (&RefusedError{}); !errors.As(err, &refused) || refused.By != "validation" || i.spec.Stateful() {
			break
		}
		// Another install made the Pod in between, to another Spec: look again, and replace it.
		if i.found, err = i.find(ctx, i.spec.Name); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	i.outcome.Objects = append(i.outcome.Objects, i.objects.Workload)
	return nil
}

func (i *installation) applyOnce(ctx context.Context) error {
	workload, ok := i.objects.Workload.DeepCopyObject().(manifest.Object)
	if !ok {
		return fmt.Errorf("copying the workload %q", i.spec.Name)
	}
	created, err := i.apply(ctx, workload, false)
	if err != nil {
		return err
	}
	change := i.found.change(created, workload)
	if change == Created && i.outcome.Change == Replaced {
		change = Replaced
	}
	i.outcome.Change = change
	i.record(workload, change)
	i.objects.Workload = workload
	return nil
}

// clearWay removes what the new workload cannot be made of: one of the other shape, a Pod of another Spec, one that has
// ended, and one that is going already.
func (i *installation) clearWay(ctx context.Context) error {
	if i.options.Force {
		if err := i.leaveLostNodes(ctx); err != nil {
			return err
		}
	}
	if set := i.found.set; set != nil && !i.spec.Stateful() {
		if err := i.removeAndWait(ctx, kindStatefulSet, set); err != nil {
			return err
		}
		i.found.set = nil
		i.outcome.Change = Replaced
	}
	if pod := i.found.pod; pod != nil && (i.spec.Stateful() || i.mustGo(pod)) {
		if err := i.removeAndWait(ctx, kindPod, pod); err != nil {
			return err
		}
		if pod.DeletionTimestamp == nil {
			i.outcome.Change = Replaced
		}
		i.found.pod = nil
	}
	return nil
}

// leaveLostNodes gives members on lost nodes up: the scheduler, or the controller of a set, puts others elsewhere.
func (i *installation) leaveLostNodes(ctx context.Context) error {
	removed, err := i.giveUpLost(ctx, i.spec.Name)
	if pod := i.found.pod; pod != nil && slices.Contains(removed, pod.UID) {
		i.found.pod = nil
	}
	if len(removed) > 0 {
		i.outcome.Change = Replaced
	}
	return err
}

func (i *installation) mustGo(pod *corev1.Pod) bool {
	ended := pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
	return ended || pod.DeletionTimestamp != nil || !unchanged(pod, i.objects.Pod)
}

// removeAndWait removes a workload and waits until its Pods are gone, as long as their builds take.
func (i *installation) removeAndWait(ctx context.Context, kind string, object manifest.Object) error {
	if kind == kindPod || i.options.Force {
		i.report(Event{Kind: EventDraining, Pod: object.GetName(), Message: draining(object, i.options.Force)})
	}
	grace := graceOf(i.options.Force)
	if err := i.remove(ctx, kind, object.GetName(), object.GetUID(), grace); err != nil && !gone(err) {
		return err
	}
	if i.options.Force && kind == kindStatefulSet {
		if err := i.stopMembers(ctx, i.spec.Name, grace); err != nil {
			return err
		}
	}
	return i.awaitGone(ctx, i.spec.Name, nil)
}

func draining(object manifest.Object, force bool) string {
	switch pod, isPod := object.(*corev1.Pod); {
	case isPod && condition(pod, corev1.PodReady) != corev1.ConditionTrue:
		return "waiting until the former Pod is gone"
	case force:
		return "stopping it with the builds that run on it"
	default:
		return "waiting for the builds that run on it"
	}
}

func graceOf(force bool) *int64 {
	if !force {
		return nil
	}
	return new(int64(forcedGrace))
}

// stopMembers tells all Pods of a builder to stop within the grace period.
func (c *Client) stopMembers(ctx context.Context, name string, grace *int64) error {
	pods := &corev1.PodList{}
	if err := c.list(ctx, kindPod, metav1.ListOptions{LabelSelector: builder.Selector(name)}, pods); err != nil {
		return err
	}
	for _, pod := range pods.Items {
		if err := c.remove(ctx, kindPod, pod.Name, pod.UID, grace); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}
