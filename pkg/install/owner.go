package install

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// setController gives a builder's only Pod a controller, so that kubectl drain evicts it like any other: it refuses a Pod of which
// no controller is named, since nothing would make it again; this one is made again by the next build. The
// controller is the namespace, which outlives the Pod: a ConfigMap or a Secret that somebody deletes would take the Pod
// with it. Who may not see the namespace makes a Pod without one, for which drain needs --force.
func (i *installation) setController(ctx context.Context) {
	pod, ok := i.objects.Workload.(*corev1.Pod)
	if !ok {
		return
	}
	namespace := &corev1.Namespace{}
	err := i.api.Get(ctx, kube.KindNamespace, i.api.Namespace(), namespace)
	if err != nil || namespace.UID == "" {
		return
	}
	pod.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "v1", Kind: kube.KindNamespace, Name: i.api.Namespace(), UID: namespace.UID, Controller: new(true),
	}}
}
