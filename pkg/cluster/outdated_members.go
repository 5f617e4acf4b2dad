package cluster

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// Wanted returns what the members of a builder are started with from now on, as Member.Spec has it:
// during a roll-out, members of which that differs are still to be replaced. It is empty for a
// builder without a StatefulSet, and for one that the user may not read.
func (c *Client) Wanted(ctx context.Context, name string) string {
	set := &appsv1.StatefulSet{}
	if ok, err := c.GetIfExists(ctx, kube.KindStatefulSet, name, set); err != nil || !ok {
		return ""
	}
	return wantedBy(set)
}

// wantedBy returns what a set starts its members with; empty if it is not a builder's.
func wantedBy(set *appsv1.StatefulSet) string {
	if !IsManaged(set.Labels) {
		return ""
	}
	return set.Spec.Template.Annotations[builder.AnnotationSpec]
}

// Outdated reports whether the member was started with something else than is wanted.
func (m Member) Outdated(wanted string) bool {
	return wanted != "" && m.UID != "" && m.Spec != wanted
}

// Outdated returns how many members a roll-out has not replaced yet.
func (b Builder) Outdated() int {
	count := 0
	for _, member := range b.Members {
		if member.Outdated(b.Wanted) {
			count++
		}
	}
	return count
}
