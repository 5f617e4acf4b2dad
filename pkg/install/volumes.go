package install

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// growthPolled is how often a volume that grows is looked at.
const growthPolled = 250 * time.Millisecond

// volumePlan is what is to be done to the members' claims.
type volumePlan struct {
	grow    []*corev1.PersistentVolumeClaim
	missing []string // the members without a claim
	leaving []string // those of them whose claim is still being removed
	// source is the claim whose volume theirs are clones of; nil if there is none.
	source *corev1.PersistentVolumeClaim
	clones []*corev1.PersistentVolumeClaim // those that have no volume yet
}

// template is the claim template of a set for the cache; nil if its members have no volumes.
func template(set *appsv1.StatefulSet) *corev1.PersistentVolumeClaim {
	if set == nil {
		return nil
	}
	for n := range set.Spec.VolumeClaimTemplates {
		if set.Spec.VolumeClaimTemplates[n].Name == builder.VolumeName {
			return &set.Spec.VolumeClaimTemplates[n]
		}
	}
	return nil
}

// losesVolumes says that a set's members get volumes, or lose them, which only a new set can do.
func (i *installation) losesVolumes() bool {
	return i.found.set != nil && i.spec.Stateful() && (template(i.found.set) != nil) != (i.spec.Storage != nil)
}

// recreates says that the size of a set's volumes changes: its template cannot, so another set
// takes over the members.
func (i *installation) recreates() bool {
	now := template(i.found.set)
	return now != nil && i.spec.Storage != nil && sizeOf(now) != i.spec.Storage.String()
}

func sizeOf(claim *corev1.PersistentVolumeClaim) string {
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	return size.String()
}

func classOf(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}

// planVolumes finds the claims that there are for the members, asks whether those that are too
// small may grow, and refuses what cannot be.
func (i *installation) planVolumes(ctx context.Context) error {
	i.volumePlan = volumePlan{}
	if i.spec.Storage == nil {
		return nil
	}
	if now := template(i.found.set); now != nil {
		size := now.Spec.Resources.Requests[corev1.ResourceStorage]
		switch {
		case classOf(now) != i.spec.StorageClass:
			return i.refuseVolume(OtherClass, "", classOf(now), i.spec.StorageClass)
		case i.spec.Storage.Cmp(size) < 0:
			return i.refuseVolume(Smaller, "", sizeOf(now), i.spec.Storage.String())
		}
	}
	claims := &corev1.PersistentVolumeClaimList{}
	// Not by labels: the set's controller uses a claim of the name whatever its labels are.
	if err := i.api.ListObjects(ctx, kube.KindClaim, metav1.ListOptions{}, claims); err != nil {
		if kube.IsForbidden(err) {
			return nil // the set's controller will see
		}
		return err
	}
	i.noteClaims(claims.Items)
	for _, member := range i.spec.MemberNames() {
		name := builder.ClaimName(member)
		at := slices.IndexFunc(claims.Items, func(c corev1.PersistentVolumeClaim) bool { return c.Name == name })
		if at < 0 {
			i.missing = append(i.missing, member)
			continue
		}
		if claims.Items[at].DeletionTimestamp != nil {
			i.missing, i.leaving = append(i.missing, member), append(i.leaving, member)
			continue
		}
		if err := i.planVolume(ctx, &claims.Items[at]); err != nil {
			return err
		}
	}
	if len(i.missing) > 0 {
		if err := i.classFor(ctx); err != nil {
			return err
		}
	}
	return i.checkQuota(ctx, len(i.missing))
}

// planVolume checks one claim that there is, as planVolumes says.
func (i *installation) planVolume(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	switch {
	case !isOf(claim, i.name):
		return &ForeignError{Kind: kube.KindClaim, Name: claim.Name, Namespace: i.api.Namespace(), Builder: i.name}
	case i.spec.StorageClass != "" && classOf(claim) != i.spec.StorageClass:
		return i.refuseVolume(OtherClass, claim.Name, classOf(claim), i.spec.StorageClass)
	}
	switch {
	case isPendingClone(claim):
		i.clones = append(i.clones, claim)
	case i.source == nil && claim.Status.Phase == corev1.ClaimBound:
		i.source = claim
	}
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	switch i.spec.Storage.Cmp(size) {
	case -1:
		return i.refuseVolume(Smaller, claim.Name, sizeOf(claim), i.spec.Storage.String())
	case 1:
		trial := claim.DeepCopy()
		if err := i.api.Patch(ctx, kube.KindClaim, trial, ofSize(i.spec.Storage), true); err != nil {
			if kube.IsForbidden(err) || ctx.Err() != nil {
				return err
			}
			if refused := kube.AsAdmission(err); refused != nil && len(refused.Excesses()) > 0 {
				i.grow = append(i.grow, claim)
				return nil // checkQuota computes what would fit
			}
			problem := i.refuseVolume(CannotGrow, claim.Name, sizeOf(claim), i.spec.Storage.String())
			problem.Err = reasonOf(err)
			return problem
		}
		i.grow = append(i.grow, claim)
	}
	return nil
}

func (i *installation) refuseVolume(reason StorageReason, claim, has, wants string) *StorageError {
	return &StorageError{
		Name: i.name, Namespace: i.api.Namespace(), Reason: reason, Claim: claim, Has: has, Wants: wants,
		Installed: i.found.workload() != nil, WantedSize: i.spec.Storage.String(), WantedClass: i.spec.StorageClass,
	}
}

// reasonOf is what the cluster said, without the frame that names the object again, and without the
// dump of the object that the API server appends to the sentence.
func reasonOf(err error) error {
	text := err.Error()
	if refused := kube.AsAdmission(err); refused != nil {
		text = refused.Message
	}
	text, _, _ = strings.Cut(text, "\n")
	return errors.New(strings.TrimRight(text, " :"))
}

// ofSize is the patch that lets a claim grow.
func ofSize(size *resource.Quantity) map[string]any {
	return map[string]any{"spec": map[string]any{"resources": map[string]any{"requests": map[string]any{"storage": size.String()}}}}
}

// classFor refuses volumes that nothing would provide, and warns of them where the install does not
// wait: their class may follow. Without permission to read the classes of the cluster it accepts
// any.
func (i *installation) classFor(ctx context.Context) error {
	classes, err := i.api.Metadata(ctx, kube.KindStorageClass, metav1.ListOptions{})
	if err != nil {
		return ignoreForbidden(err)
	}
	problem := &StorageError{Name: i.name, Namespace: i.api.Namespace(), Reason: NoDefaultClass, Wants: i.spec.StorageClass}
	for _, class := range classes {
		problem.Classes = append(problem.Classes, class.Name)
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" && i.spec.StorageClass == "" ||
			class.Name == i.spec.StorageClass {
			return nil
		}
	}
	// Volumes that an administrator has made need no class that exists.
	volumes := &corev1.PersistentVolumeList{}
	if err := i.api.ListObjects(ctx, kube.KindVolume, metav1.ListOptions{}, volumes); err != nil {
		return ignoreForbidden(err)
	}
	for _, volume := range volumes.Items {
		if volume.Spec.StorageClassName == i.spec.StorageClass && volume.Status.Phase == corev1.VolumeAvailable {
			return nil
		}
	}
	if i.spec.StorageClass != "" {
		problem.Reason = NoSuchClass
	}
	if i.options.NoWait && !i.options.DryRun {
		i.report(Event{Kind: EventWarning, Reason: string(problem.Reason), Message: problem.Error() + ": the members wait for one"})
		return nil
	}
	return problem
}

func ignoreForbidden(err error) error {
	if kube.IsForbidden(err) {
		return nil
	}
	return err
}

// growVolumes expands the claims that are too small. Their Pods go on.
func (i *installation) growVolumes(ctx context.Context) error {
	for _, claim := range i.grow {
		if err := i.api.Patch(ctx, kube.KindClaim, claim, ofSize(i.spec.Storage), false); err != nil {
			claim.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kube.KindClaim))
			return meanwhile(err, claim, i.api.Namespace())
		}
		i.report(Event{Kind: EventApplied, Message: kube.Reference{Kind: kube.KindClaim, Name: claim.Name}.String() + " grows to " + i.spec.Storage.String()})
	}
	i.outcome.FormerLimits = i.recreates() && !i.restartsMembers() && i.found.startedWith().CacheLimits != i.spec.CacheLimits()
	return nil
}

// orphanMembers removes the set alone: its Pods and volumes stay, and are taken over by the next
// one of the name.
func (i *installation) orphanMembers(ctx context.Context) error {
	set := i.found.set
	same := func(live manifest.Object) bool { return sameHash(live, set) && isOf(live, i.name) }
	if err := i.api.Delete(ctx, kube.KindStatefulSet, set, kube.Deletion{Orphan: true, Still: same}); err != nil {
		return err
	}
	for {
		fresh := &appsv1.StatefulSet{}
		ok, err := i.api.GetIfExists(ctx, kube.KindStatefulSet, set.Name, fresh)
		if err != nil {
			return err
		}
		if !ok || fresh.UID != set.UID {
			i.found.set = nil
			return nil
		}
		if err := kube.Pause(ctx, growthPolled); err != nil {
			return err
		}
	}
}
