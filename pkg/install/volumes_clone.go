package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

const (
	// cloneWithin is how long the clone of a volume may take before its member starts with an empty
	// volume instead.
	cloneWithin = time.Minute
	// cloneRetried is how long a driver may go on after its first failure to clone.
	cloneRetried = 5 * time.Second
	// clonePolled is how often a clone is looked at.
	clonePolled = time.Second
)

// cloneVolumes creates the claims of new members as clones of the volume of one that there is, so
// that they start with its cache; the set's controller uses a claim of the right name. No API says
// whether a driver can clone: superviseClones sees whether it does. What cannot be cloned is left
// to the controller.
func (i *installation) cloneVolumes(ctx context.Context) error {
	if i.source == nil || len(i.missing) == 0 || i.newClaim() == nil {
		return nil
	}
	if capacity := i.source.Status.Capacity[corev1.ResourceStorage]; capacity.Cmp(*i.spec.Storage) > 0 {
		i.startCold(i.missing[0], fmt.Sprintf("the volume of %s is larger (%s)", i.source.Name, capacity.String()))
		return nil
	}
	for _, member := range i.missing {
		if i.options.NoWait {
			i.startCold(member, "a clone of a volume needs an install that waits for its end")
			continue
		}
		if slices.Contains(i.leaving, member) {
			i.startCold(member, "its former volume is still being removed")
			continue
		}
		claim := i.newClaim()
		claim.Name = builder.ClaimName(member)
		claim.Annotations = map[string]string{builder.AnnotationClone: i.source.Name}
		claim.Spec.StorageClassName = i.source.Spec.StorageClassName
		claim.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: kube.KindClaim, Name: i.source.Name}
		switch err := i.api.Create(ctx, claim, false); {
		case kube.IsForbidden(err), kube.AsAdmission(err) != nil:
			i.startCold(member, reasonOf(err).Error())
		case err != nil:
			return meanwhile(err, claim, i.api.Namespace())
		default:
			i.clones = append(i.clones, claim)
			i.report(Event{Kind: EventApplied, Message: fmt.Sprintf("%s/%s created as a clone of %s", kube.KindClaim, claim.Name, i.source.Name)})
		}
	}
	return nil
}

// OneAtATime lets several goroutines report; nil reports nothing.
func OneAtATime(report func(Event)) func(Event) {
	if report == nil {
		return func(Event) {}
	}
	var reporting sync.Mutex
	return func(event Event) {
		reporting.Lock()
		defer reporting.Unlock()
		report(event)
	}
}

func (i *installation) startCold(member, reason string) {
	i.report(Event{Kind: EventWarning, Pod: member, Reason: "ColdStart", Message: "starts cold: " + reason})
}

// isPendingClone reports whether a claim waits for a driver to clone a volume. Such a claim never
// had any content, so it can be replaced by an empty one.
func isPendingClone(claim *corev1.PersistentVolumeClaim) bool {
	return claim.Annotations[builder.AnnotationClone] != "" && claim.Spec.DataSource != nil &&
		claim.Spec.VolumeName == "" && claim.Status.Phase != corev1.ClaimBound
}

// superviseClones gives the clones up that the driver does not make: their members start with empty
// volumes. The function that it returns ends the supervision.
func (i *installation) superviseClones(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var supervised sync.WaitGroup
	for _, claim := range i.clones {
		supervised.Go(func() { i.superviseClone(ctx, claim) })
	}
	return func() { cancel(); supervised.Wait() }
}

func (i *installation) superviseClone(ctx context.Context, claim *corev1.PersistentVolumeClaim) {
	var (
		begin, failed = time.Now(), time.Time{}
		// One of an earlier run may have had its time.
		limit  = max(cloneWithin-i.api.Now().Sub(claim.CreationTimestamp.Time), cloneRetried)
		reason = fmt.Sprintf("the volume of %s was not cloned within %s", claim.Annotations[builder.AnnotationClone], cloneWithin)
	)
	for {
		now := &corev1.PersistentVolumeClaim{}
		ok, err := i.api.GetIfExists(ctx, kube.KindClaim, claim.Name, now)
		if ctx.Err() != nil || err == nil && (!ok || now.UID != claim.UID || !isPendingClone(now)) {
			return
		}
		if failed.IsZero() {
			if failure := i.cloneFailure(ctx, claim); failure != "" {
				failed, reason = time.Now(), failure
			}
		}
		if time.Since(begin) >= limit || !failed.IsZero() && time.Since(failed) >= cloneRetried {
			if err == nil {
				i.giveUpClone(ctx, now, reason)
			}
			return
		}
		if kube.Pause(ctx, clonePolled) != nil {
			return
		}
	}
}

// cloneFailure is what the driver says that it failed with; empty if it says nothing, or to others.
func (i *installation) cloneFailure(ctx context.Context, claim *corev1.PersistentVolumeClaim) string {
	events := &corev1.EventList{}
	options := metav1.ListOptions{FieldSelector: "involvedObject.kind=" + kube.KindClaim + ",involvedObject.name=" + claim.Name}
	if err := i.api.ListObjects(ctx, kube.KindEvent, options, events); err != nil {
		return ""
	}
	for _, event := range events.Items {
		if event.InvolvedObject.UID == claim.UID && event.Reason == "ProvisioningFailed" {
			return event.Message
		}
	}
	return ""
}

// giveUpClone removes a claim that has no volume yet, if that is still so, and its Pod if that
// waits for it: the set's controller makes both again, without a source.
func (i *installation) giveUpClone(ctx context.Context, claim *corev1.PersistentVolumeClaim, reason string) {
	member := strings.TrimPrefix(claim.Name, builder.ClaimName(""))
	still := func(live manifest.Object) bool {
		now, ok := live.(*corev1.PersistentVolumeClaim)
		return ok && isPendingClone(now)
	}
	if err := i.api.Delete(ctx, kube.KindClaim, claim, kube.Deletion{Still: still}); err != nil {
		if !kube.IsConflict(err) {
			i.startCold(member, fmt.Sprintf("%s; its claim cannot be replaced: %v", reason, err))
		}
		return
	}
	i.startCold(member, reason)
	pod := &corev1.Pod{}
	if ok, err := i.api.GetIfExists(ctx, kube.KindPod, member, pod); err != nil || !ok || pod.Spec.NodeName != "" || !sameBuilder(pod, i.name) {
		return
	}
	_ = i.api.Delete(ctx, kube.KindPod, pod, kube.Deletion{Still: func(live manifest.Object) bool {
		now, ok := live.(*corev1.Pod)
		return ok && now.Spec.NodeName == ""
	}}) // it only waits longer without
}
