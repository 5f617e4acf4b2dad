package install

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// noteClaims remembers which claims were there when this run first looked.
func (i *installation) noteClaims(claims []corev1.PersistentVolumeClaim) {
	if i.claimed != nil {
		return
	}
	i.claimed = map[string]bool{}
	for _, claim := range claims {
		i.claimed[claim.Name] = true
	}
}

// removeNewClaims removes the claims of this run's members that were not there when it began: it
// has made them, or the controller of its set. Those of the kept members stay.
func (i *installation) removeNewClaims(ctx context.Context, kept []string) (removed, remaining []kube.Reference) {
	if i.claimed == nil {
		return nil, nil
	}
	claims, err := i.api.claims(ctx, i.name)
	if err != nil {
		return nil, nil
	}
	members := i.spec.MemberNames()
	for n := range claims {
		claim := &claims[n]
		its := func(member string) bool { return builder.ClaimName(member) == claim.Name }
		if i.claimed[claim.Name] || !slices.ContainsFunc(members, its) || slices.ContainsFunc(kept, its) {
			continue
		}
		reference := kube.Reference{Kind: kube.KindClaim, Name: claim.Name}
		if err := i.api.Delete(ctx, kube.KindClaim, claim, kube.Deletion{Still: stillOf(i.name)}); err != nil {
			remaining = append(remaining, reference)
			continue
		}
		removed = append(removed, reference)
	}
	return removed, remaining
}

// removeAddedVolumes removes the volumes of members that a roll-out added, which was rolled back to
// the former Spec, and reports each.
func (i *installation) removeAddedVolumes(ctx context.Context, former builder.Spec) {
	var kept []string
	if former.Storage != nil {
		kept = former.MemberNames()
	}
	removed, remaining := i.removeNewClaims(ctx, kept)
	for _, each := range removed {
		i.report(Event{Kind: EventRemoved, Message: each.String() + " removed"})
	}
	for _, each := range remaining {
		i.report(Event{Kind: EventWarning, Message: fmt.Sprintf("%s stays, and is not used any more", each)})
	}
}
