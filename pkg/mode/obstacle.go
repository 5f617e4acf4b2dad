package mode

import (
	"context"
	"fmt"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// obstacle is why a mode cannot work, as far as the cluster can say it before anything is made;
// empty if it may work.
func (c *choice) obstacle(ctx context.Context, mode string) string {
	spec := c.spec.With(builder.Spec{Mode: mode}, "mode")
	for _, each := range append([]builder.Spec{spec}, spec.Further()...) {
		if err := each.Validate(); err != nil { // e.g. --step-network bridge
			return err.Error()
		}
		if reason := c.refusal(ctx, each); reason != "" {
			return reason
		}
		if mode != builder.ModeUserNS {
			continue
		}
		if reason := c.unsupported(ctx, each); reason != "" {
			return reason
		}
	}
	return ""
}

// refusal is why the cluster does not admit a member, or what it makes of one. What is wrong with a
// member in every mode is left to the install, which reports it.
func (c *choice) refusal(ctx context.Context, spec builder.Spec) string {
	certificates, err := trust.Issue(time.Now(), spec.Name)
	if err != nil {
		return ""
	}
	objects, err := manifest.New(spec, certificates)
	if err != nil {
		return ""
	}
	objects.Pod.Name += "-preflight"
	pod, err := c.client.TryPod(ctx, objects.Pod)
	if refused := kube.AsAdmission(err); refused != nil && refused.By != "the quota" {
		return refused.By + " refuses it: " + refused.Message
	}
	if err == nil && spec.Mode == builder.ModeUserNS && (pod.Spec.HostUsers == nil || *pod.Spec.HostUsers) {
		return "the API server, or a policy, takes hostUsers: false out of the Pod"
	}
	return ""
}

// unsupported is what a node lacks for user namespaces of Pods. One that has everything does not
// help: the members may be put on the other.
func (c *choice) unsupported(ctx context.Context, spec builder.Spec) string {
	nodes, err := c.client.Nodes(ctx, cluster.NeedsOf(spec))
	if err != nil {
		c.unseen = true
		return ""
	}
	eligible := 0
	for _, node := range nodes {
		if node.Obstacle != "" {
			continue
		}
		if eligible++; node.UserNamespaces != "" {
			return fmt.Sprintf("node %q: %s", node.Name, node.UserNamespaces)
		}
	}
	c.unseen = c.unseen || eligible == 0 // they are still to be added
	return ""
}
