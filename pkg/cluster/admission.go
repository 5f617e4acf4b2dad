package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// PodSecurity is the level that the namespace enforces by its label; empty when it has none, so that the cluster's
// default holds.
func (c *Client) PodSecurity(ctx context.Context) (string, error) {
	namespace := &corev1.Namespace{}
	err := c.api.Get().AbsPath("/api/v1").Resource("namespaces").Name(c.namespace).Do(ctx).Into(namespace)
	return namespace.Labels["pod-security.kubernetes.io/enforce"], c.failure(ctx, err, "get", "namespaces", c.namespace)
}

// Admits asks the server, without effect, whether a member of such a builder could be created now. It returns a
// *RefusedError when Pod Security, a quota or a webhook says no.
func (c *Client) Admits(ctx context.Context, spec builder.Spec) error {
	spec.Namespace = c.namespace
	spec = spec.WithDefaults()
	i := &installation{Client: c, spec: spec, found: &found{}}
	if err := i.describe(ctx); err != nil {
		return err
	}
	pod := i.objects.Pod.DeepCopy()
	pod.Name += "-preflight" // the name itself may be taken
	return i.tryCreate(ctx, pod)
}
