package ephemeral

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// madeWithin is how long the Job's controller may take to make the Pod.
const madeWithin = 30 * time.Second

// awaitMade waits for the Pod that the Job's controller makes. What keeps it from that, e.g. a
// quota, is in the Job's events alone, which not every user may read.
func awaitMade(ctx context.Context, c *cluster.Client, job, like string) (*corev1.Pod, error) {
	late := &install.StartError{
		Name: job, Namespace: c.Namespace(), Ephemeral: true, Reason: install.ReasonTimeout, Message: "the controller of the Job has made no Pod", Waited: madeWithin,
	}
	ctx, cancel := context.WithTimeoutCause(ctx, madeWithin, late)
	defer cancel()
	pods := make(chan *corev1.Pod, 1)
	errs := make(chan error, 2)
	go func() {
		options := metav1.ListOptions{LabelSelector: builder.Selector(job)}
		errs <- c.Follow(ctx, kube.KindPod, options, func(event watch.Event) (bool, error) {
			pod, ok := event.Object.(*corev1.Pod)
			if ok {
				pods <- pod
			}
			return ok, nil
		}, nil)
	}()
	go func() {
		options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("involvedObject.name", job).String()}
		err := c.Follow(ctx, kube.KindEvent, options, func(event watch.Event) (bool, error) {
			said, ok := event.Object.(*corev1.Event)
			if !ok || said.InvolvedObject.Kind != kube.KindJob || said.Reason != "FailedCreate" {
				return false, nil
			}
			return true, refusalOf(said, like)
		}, nil)
		if refused := (*RefusedError)(nil); errors.As(err, &refused) {
			errs <- err
		}
	}()
	for {
		select {
		case pod := <-pods:
			return pod, nil
		case err := <-errs:
			if err != nil {
				return nil, err
			}
		}
	}
}
