package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// PodSecurity is the level that the namespace enforces by its label; empty when it has none, so that the cluster's
// default holds.
func (c *Client) PodSecurity(ctx context.Context) (string, error) {
	namespace := &corev1.Namespace{}
	err := c.Get(ctx, kube.KindNamespace, c.Namespace(), namespace)
	return namespace.Labels["pod-security.kubernetes.io/enforce"], err
}

// Admits asks the server, without effect, whether a member of such a builder could be created now. It returns a
// *kube.AdmissionError when Pod Security, a quota or a webhook says no.
func (c *Client) Admits(ctx context.Context, spec builder.Spec) error {
	spec.Namespace = c.Namespace()
	spec = spec.WithDefaults()
	i := &installation{Client: c, spec: spec, found: &found{}}
	if err := i.describe(ctx); err != nil {
		return err
	}
	pod := i.objects.Pod.DeepCopy()
	pod.Name += "-preflight" // the name itself may be taken
	return i.tryCreate(ctx, pod)
}
