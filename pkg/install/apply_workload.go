package install

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// forcedGrace is how long, in seconds, a forced stop leaves the daemon.
const forcedGrace = 1

// tryWorkload is the rehearsal of the workload itself; whether a member would be accepted is asked
// apart.
func (i *installation) tryWorkload(ctx context.Context) error {
	change, err := i.change(i.objects.Workload)
	if err != nil || change == Unchanged || change == Replaced {
		return err // of a Pod that takes another's place, admission has been asked
	}
	trial, err := copyOf(i.objects.Workload)
	if err != nil {
		return err
	}
	existing := i.found.like(trial)
	if i.recreates() {
		trial.SetName(trial.GetName() + "-preflight")
		existing = nil
	}
	if kindOf(trial) == kube.KindPod {
		return nil // it was asked as a member, by a request that waits for a new namespace's service account
	}
	_, err = i.api.Apply(ctx, trial, existing, true)
	return meanwhile(err, trial, i.api.Namespace())
}

// writeWorkload makes the members what they should be.
func (i *installation) writeWorkload(ctx context.Context) error {
	workload := i.objects.Workload
	if i.options.Force {
		if err := i.forceDeleteOnLostNodes(ctx); err != nil {
			return err
		}
	}
	if err := i.restartCutOff(ctx); err != nil {
		return err
	}
	change := i.changes[referenceTo(workload)]
	if change == Unchanged && i.found.like(workload) != nil {
		return i.relyOn(ctx, workload)
	}
	if err := i.removeConflicting(ctx); err != nil {
		return err
	}
	if err := i.growVolumes(ctx); err != nil {
		return err
	}
	if err := i.cloneVolumes(ctx); err != nil {
		return err
	}
	if i.recreates() {
		if err := i.orphanMembers(ctx); err != nil {
			return err
		}
	}
	i.mark(workload)
	existing := i.found.like(workload)
	created, err := i.putWorkload(ctx, workload, existing)
	if err != nil {
		return meanwhile(err, workload, i.api.Namespace())
	}
	if err := i.replaceBroken(ctx); err != nil {
		return err
	}
	if change == Unchanged { // a lost Pod has made way
		change = Replaced
	}
	if created && change == Configured {
		i.record(workload, Configured)
		return nil
	}
	i.outcome.Change = change
	i.record(workload, change)
	return nil
}

// putWorkload writes the workload. A Pod that is there now, but was not when this run looked, is
// another install's: to apply would try to change what may not change in it, or undo what an
// admission policy has set.
func (i *installation) putWorkload(ctx context.Context, workload, existing manifest.Object) (created bool, err error) {
	if kindOf(workload) == kube.KindPod && existing == nil {
		return true, i.api.Create(ctx, workload, false)
	}
	return i.api.Apply(ctx, workload, existing, false)
}

// relyOn leaves a workload that is right as it is. While its members are still starting, the run
// that has made it may be interrupted, and would remove it; it does not if another run relies on
// it.
func (i *installation) relyOn(ctx context.Context, wanted manifest.Object) error {
	live := i.found.like(wanted)
	i.objects.Workload = live
	live.GetObjectKind().SetGroupVersionKind(wanted.GetObjectKind().GroupVersionKind())
	if i.outcome.Change == Unchanged {
		i.record(live, Unchanged)
	}
	if !starting(live) {
		return nil
	}
	mark := map[string]any{"metadata": map[string]any{"annotations": map[string]any{builder.AnnotationRun: i.id}}}
	for range kube.Attempts {
		err := i.api.Patch(ctx, kindOf(wanted), live, mark, false)
		live.GetObjectKind().SetGroupVersionKind(wanted.GetObjectKind().GroupVersionKind())
		if err == nil || kube.IsForbidden(err) {
			return nil
		}
		if !kube.IsConflict(err) {
			return err
		}
		fresh := kube.NewObject(kindOf(wanted))
		if ok, err := i.api.GetIfExists(ctx, kindOf(wanted), wanted.GetName(), fresh); err != nil {
			return err
		} else if !ok || fresh.GetUID() != live.GetUID() || !sameHash(fresh, wanted) {
			break
		}
		fresh.GetObjectKind().SetGroupVersionKind(wanted.GetObjectKind().GroupVersionKind())
		live, i.objects.Workload = fresh, fresh
	}
	return &kube.ConflictError{Kind: kindOf(wanted), Name: wanted.GetName(), Namespace: i.api.Namespace()}
}

// starting says that not all members of a workload are up.
func starting(workload manifest.Object) bool {
	switch workload := workload.(type) {
	case *corev1.Pod:
		return cluster.ConditionOf(workload, corev1.PodReady) != corev1.ConditionTrue
	case *appsv1.StatefulSet:
		return workload.Status.ReadyReplicas < desired(workload)
	}
	return false
}

// removeConflicting removes what the new workload cannot be made of: one of the other shape, a Pod
// of another Spec, one that has ended, and one that is going already.
func (i *installation) removeConflicting(ctx context.Context) error {
	if set := i.found.set; set != nil && (!i.spec.Stateful() || i.losesVolumes()) {
		if err := i.removeAndWait(ctx, kube.KindStatefulSet, set); err != nil {
			return err
		}
		i.found.set = nil
	}
	if pod := i.found.pod; pod != nil && (i.spec.Stateful() || i.mustGo(pod)) {
		if err := i.removeAndWait(ctx, kube.KindPod, pod); err != nil {
			return err
		}
		i.found.pod = nil
	}
	return nil
}

// forceDeleteOnLostNodes gives members on lost nodes up: the scheduler, or the controller of a set,
// puts others elsewhere.
func (i *installation) forceDeleteOnLostNodes(ctx context.Context) error {
	removed, err := i.api.giveUpLost(ctx, i.name, i.found.member)
	if pod := i.found.pod; pod != nil && removed[pod.UID] {
		i.found.pod = nil
	}
	if len(removed) > 0 {
		i.outcome.Change = Replaced
	}
	return err
}

// removeAndWait removes a workload and waits until its Pods are gone, as long as their builds take.
func (i *installation) removeAndWait(ctx context.Context, kind string, object manifest.Object) error {
	waiting, gone := Event{Kind: EventDraining, Message: draining(object, i.options.Force)}, i.report
	if kind == kube.KindPod {
		waiting.Pod, gone = object.GetName(), nil // there is one
	}
	i.report(waiting)
	grace := graceOf(i.options.Force)
	same := func(live manifest.Object) bool { return sameHash(live, object) && isOf(live, i.name) }
	member := i.found.member
	if err := i.api.Delete(ctx, kind, object, kube.Deletion{Grace: grace, Still: same}); err != nil {
		return err
	}
	if i.options.Force && kind == kube.KindStatefulSet {
		if err := i.api.stopMembers(ctx, i.name, member, grace); err != nil {
			return err
		}
	}
	return i.api.awaitGone(ctx, i.name, member, gone)
}

func draining(object manifest.Object, force bool) string {
	switch pod, isPod := object.(*corev1.Pod); {
	case isPod && cluster.ConditionOf(pod, corev1.PodReady) != corev1.ConditionTrue:
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

// setController gives a builder's only Pod a controller, so that kubectl drain evicts it like any
// other: it refuses a Pod of which no controller is named, since nothing would make it again; this
// one is made again by the next build. The controller is the namespace, which outlives the Pod: a
// ConfigMap or a Secret that a user deletes would take the Pod with it. Who may not see the
// namespace makes a Pod without one, for which drain needs --force.
func (i *installation) setController(ctx context.Context) error {
	pod, ok := i.objects.Workload.(*corev1.Pod)
	if !ok {
		return nil
	}
	namespace := &corev1.Namespace{}
	if err := i.api.Get(ctx, kube.KindNamespace, i.api.Namespace(), namespace); err == nil && namespace.UID != "" {
		pod.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: "v1", Kind: kube.KindNamespace, Name: i.api.Namespace(), UID: namespace.UID, Controller: new(true),
		}}
	}
	return nil
}
