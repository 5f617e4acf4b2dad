package install

import (
	"context"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
)

// Admits asks the server, without effect, whether a member of such a builder could be created now. It returns a
// *kube.AdmissionError when Pod Security, a quota or a webhook says no.
func Admits(ctx context.Context, c *cluster.Client, spec builder.Spec) error {
	spec.Namespace = c.Namespace()
	spec = spec.WithDefaults()
	i := &installation{api: api{c}, spec: spec, found: &found{}}
	if err := i.describe(ctx); err != nil {
		return err
	}
	pod := i.objects.Pod.DeepCopy()
	pod.Name += "-preflight" // the name itself may be taken
	return i.tryCreate(ctx, pod)
}
