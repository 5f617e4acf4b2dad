package install

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// A roll-out replaces the members by those of another Spec. The controller of a set does it, one
// member at a time, the last one first: it stops a member, which goes once its builds have ended,
// and goes on to the next when its successor is ready. So a client that is killed meanwhile leaves
// a builder on which all other members work. What the members were before is stored with the
// settings until all of them are up, and is what a failed roll-out goes back to, in this run or in
// one that comes after it.

// remember decides what the roll-out goes back to, and stores that with the settings.
func (i *installation) remember(context.Context) error {
	i.previous = nil
	config, ok := i.objects.Config().(*corev1.ConfigMap)
	if proved := i.unproven == nil; !ok || !proved || i.restoring != nil {
		return nil
	}
	var stored *manifest.Previous
	if i.found.config != nil {
		stored = manifest.PreviousOf(i.name, i.found.config)
	}
	has, next := i.found.started()[builder.AnnotationSpec], i.objects.Pod.Annotations[builder.AnnotationSpec]
	switch {
	case stored != nil && (stored.Next != has || !i.found.settled()): // that roll-out has not ended
		i.previous = stored
		i.previous.Next = next
	case i.found.workload() != nil && has != next && !i.partial:
		i.previous = &manifest.Previous{Spec: i.current, Image: i.found.image(), Next: next}
		former := *i.found // a copy: writing forgets what it removes
		i.former = &former
	}
	return manifest.SetPrevious(config, i.previous)
}

// settled reports whether all members are those that the workload describes, and ready.
func (f *existing) settled() bool {
	switch {
	case f.set != nil:
		status := f.set.Status
		return status.ObservedGeneration >= f.set.Generation && status.UpdatedReplicas >= desired(f.set) && status.ReadyReplicas >= desired(f.set)
	case f.pod != nil:
		return f.pod.DeletionTimestamp == nil && cluster.ConditionOf(f.pod, corev1.PodReady) == corev1.ConditionTrue
	}
	return false
}

// image is the one that the members run; empty if there are none.
func (f *existing) image() string {
	_, containers := f.template()
	for _, container := range containers {
		if container.Name == builder.ContainerName {
			return container.Image
		}
	}
	return ""
}

// forgetPrevious ends a roll-out: all members are up. Where it fails, the next install does it.
func (i *installation) forgetPrevious(ctx context.Context) {
	config, ok := i.objects.Config().(*corev1.ConfigMap)
	if !ok || i.previous == nil {
		return
	}
	config = config.DeepCopy()
	if manifest.SetPrevious(config, nil) == nil {
		_ = i.api.Update(ctx, config, false)
	}
}

// unfinished reports, to a user who does not wait any longer, that the roll-out goes on.
func (i *installation) unfinished() {
	if !i.wrote || i.previous == nil {
		return
	}
	if _, isSet := i.objects.Workload.(*appsv1.StatefulSet); isSet {
		i.report(Event{Kind: EventWarning, Message: "interrupted: the cluster goes on to replace the members, one at a time, each after its builds have ended; " +
			"to install again waits for it"})
	}
}

// formerChanged takes a change of a Pod that is still to be replaced.
func (w *waiter) formerChanged(ctx context.Context, member *progress, change watch.EventType, pod *corev1.Pod) {
	switch {
	case change == watch.Deleted:
		if member.former != nil && member.former.UID == pod.UID {
			member.former, member.trouble, w.moved = nil, nil, time.Now()
		}
		return
	case pod.DeletionTimestamp == nil:
	case member.former == nil || member.former.DeletionTimestamp == nil:
		w.moved = time.Now()
		w.draining(ctx, pod)
	}
	member.former = pod
	if pod.DeletionTimestamp != nil && cluster.NodeLost(pod) {
		w.noteTrouble(member, cluster.StartProblemOf(pod))
	}
	if heldPod(pod) {
		w.noteTrouble(member, &cluster.StartProblem{Reason: reasonHeld, Patience: heldGrace})
	}
}

// draining reports, once, what a member waits for that is to be replaced, and how long at most.
func (w *waiter) draining(ctx context.Context, pod *corev1.Pod) {
	key := "draining" + string(pod.UID)
	if w.warned[key] {
		return
	}
	w.warned[key] = true
	event := Event{Kind: EventDraining, Pod: pod.Name, Message: draining(pod, w.install.options.Force)}
	if cluster.ConditionOf(pod, corev1.PodReady) != corev1.ConditionTrue || w.install.options.Force {
		w.install.report(event)
		return
	}
	limit := fmt.Sprintf(", %s at most", pod.DeletionTimestamp.Sub(w.install.api.Now()).Round(time.Second))
	connection, err := w.install.api.ConnectionOf(w.install.objects.Client)
	if w.install.options.Builds == nil || err != nil {
		event.Message += limit
		w.install.report(event)
		return
	}
	go func() {
		counting, stop := context.WithTimeout(ctx, probeWithin)
		defer stop()
		if count, err := w.install.options.Builds(counting, cluster.MemberOf(pod), connection); err == nil {
			event.Message = fmt.Sprintf("waiting for the builds that run on it: %d now", count)
		}
		event.Message += limit
		select {
		case w.counts <- event:
		case <-ctx.Done():
		}
	}()
}

// remaining is how long the members may still take to answer: that time begins anew with every step
// of a roll-out, and does not pass while a member's builds go on, which its grace period bounds.
func (w *waiter) remaining() time.Duration {
	for _, member := range w.members {
		if member.former != nil && member.former.DeletionTimestamp != nil {
			return time.Hour
		}
	}
	return w.install.options.Timeout - time.Since(w.moved)
}

// replaceBroken removes the members of another Spec that do not start: a controller may wait for
// them without end.
func (i *installation) replaceBroken(ctx context.Context) error {
	if i.found.set == nil {
		return nil
	}
	members, err := i.api.membersOf(ctx, i.name, i.found.member)
	if err != nil {
		return err
	}
	for _, pod := range members {
		if pod.DeletionTimestamp != nil || sameHash(pod, i.objects.Pod) || !i.broken(pod) {
			continue
		}
		if err := i.api.Delete(ctx, kube.KindPod, pod, kube.Deletion{}); err != nil {
			return err
		}
	}
	return nil
}

// broken reports whether a member does not start; one of a roll-out that has failed had its time.
func (i *installation) broken(pod *corev1.Pod) bool {
	if cluster.NodeLost(pod) {
		return false
	}
	failed := i.restoring != nil && pod.Annotations[builder.AnnotationSpec] == i.restoring.failed
	return cluster.StartProblemOf(pod) != nil || failed && cluster.ConditionOf(pod, corev1.PodReady) != corev1.ConditionTrue
}
