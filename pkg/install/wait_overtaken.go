package install

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// overtakenPolled is how often a set that is rolled out is looked at.
const overtakenPolled = 2 * time.Second

// overtaken ends the wait for the members of a set that another install has changed meanwhile, or
// another user removed: its controller makes none of these members any more.
func (w *waiter) overtaken(ctx context.Context, broken chan<- error) {
	wanted, isSet := w.install.objects.Workload.(*appsv1.StatefulSet)
	if !isSet {
		return
	}
	member := w.install.objects.Pod.Annotations[builder.AnnotationSpec]
	missing := 0
	for kube.Pause(ctx, overtakenPolled) == nil {
		now := &appsv1.StatefulSet{}
		switch ok, err := w.install.api.GetIfExists(ctx, kube.KindStatefulSet, wanted.Name, now); {
		case err != nil: // the watches report what is wrong
		case !ok:
			// To let volumes grow, an install removes the set for a moment.
			if missing++; missing > 5 {
				broken <- &StartError{
					Name: w.install.spec.Name, Namespace: w.install.api.Namespace(), Pod: wanted.Name, Reason: ReasonDeleted,
					Message: "the StatefulSet was removed", Waited: time.Since(w.start),
				}
				return
			}
		case now.Spec.Template.Annotations[builder.AnnotationSpec] != member || desired(now) < desired(wanted):
			broken <- &SupersededError{Name: w.install.spec.Name, Namespace: w.install.api.Namespace()}
			return
		default:
			missing = 0
		}
	}
}
