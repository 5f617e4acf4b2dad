package install

import (
	"context"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// checkQuota refuses volumes of which the first ones would still be within the namespace's quota,
// and the others not: some would be larger by then. It asks for all of the growth at one claim.
func (i *installation) checkQuota(ctx context.Context, missing int) error {
	var now, then resource.Quantity // of all volumes that grow or are new
	for _, claim := range i.grow {
		now.Add(claim.Spec.Resources.Requests[corev1.ResourceStorage])
	}
	for range len(i.grow) + missing {
		then.Add(*i.spec.Storage)
	}
	var err error
	switch {
	case missing > 0:
		trial := i.newClaim()
		if trial == nil {
			return nil
		}
		trial.Name = builder.ClaimName(i.name + "-preflight")
		if err = i.api.Create(ctx, trial.DeepCopy(), true); err == nil && missing+len(i.grow) > 1 {
			size := then.DeepCopy()
			size.Sub(now)
			trial.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: size}
			err = onlyExcess(i.api.Create(ctx, trial, true))
		}
	case len(i.grow) > 0:
		claim := i.grow[0].DeepCopy()
		size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
		size.Add(then)
		size.Sub(now)
		err = onlyExcess(i.api.Patch(ctx, kube.KindClaim, claim, ofSize(&size), true))
	}
	refused := kube.AsAdmission(err)
	if refused == nil {
		return nil // who may not create claims lets the set's controller do it
	}
	problem := i.refuseVolume(Refused, "", "", i.spec.Storage.String())
	problem.Err = reasonOf(err)
	for _, excess := range refused.Excesses() {
		if !strings.HasSuffix(string(excess.Resource), "requests.storage") {
			continue
		}
		room := excess.Room(nil)
		room.Add(now)
		const step = 1 << 30
		each := room.Value() / int64(len(i.grow)+missing) / step * step
		if fits := resource.NewQuantity(each, resource.BinarySI); i.fits(fits) && (problem.Fits == "" || fits.Cmp(resource.MustParse(problem.Fits)) < 0) {
			problem.Fits = fits.String()
		}
	}
	return problem
}

// newClaim is a claim as the set's controller makes it, but for the name; nil if a patch of the
// user has taken it away.
func (i *installation) newClaim() *corev1.PersistentVolumeClaim {
	set, _ := i.objects.Workload.(*appsv1.StatefulSet)
	claim := template(set).DeepCopy()
	if claim == nil {
		return nil
	}
	claim.Namespace = i.api.Namespace()
	claim.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kube.KindClaim))
	return claim
}

// fits reports whether a size is one that the volumes could have, and do not have yet.
func (i *installation) fits(size *resource.Quantity) bool {
	for _, claim := range i.grow {
		if size.Cmp(claim.Spec.Resources.Requests[corev1.ResourceStorage]) <= 0 {
			return false
		}
	}
	return size.Sign() > 0
}

// onlyExcess is the error if a quota's: a request for all volumes in one may be refused for what
// does not hold for each of them.
func onlyExcess(err error) error {
	if refused := kube.AsAdmission(err); refused != nil && len(refused.Excesses()) > 0 {
		return err
	}
	return nil
}
