package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// UninstallOptions say how to remove.
type UninstallOptions struct {
	// Purge removes the volumes as well.
	Purge bool
	// Force stops the members without waiting for their running builds, or for a node that is lost.
	Force bool
	// NoWait returns once everything is marked for removal.
	NoWait bool
	// Timeout is how long to wait for the members' end; 0 means without limit.
	Timeout time.Duration
	// Confirm is asked before the first change, with what goes and what stays; its error ends the
	// removal. nil agrees.
	Confirm func(ctx context.Context, removal Removal) error
}

// Removal is what uninstall did.
type Removal struct {
	// Removed are the objects that are gone, or going.
	Removed []kube.Reference
	// Kept are the volumes' claims that stay.
	Kept []kube.Reference
}

// Uninstall removes exactly what install made. All is marked for removal before it waits, so that
// an interrupt leaves nothing behind. It does not wait for a lost node: that is a *NodeLostError.
// What a finalizer of another program keeps is a *HeldError.
func Uninstall(ctx context.Context, c *cluster.Client, name string, options UninstallOptions, report func(Event)) (Removal, error) {
	var removal Removal
	if err := builder.ValidateName(name); err != nil {
		return removal, err
	}
	if report == nil {
		report = func(Event) {}
	}
	found, err := api{c}.find(ctx, name)
	if err != nil {
		return removal, err
	}
	claims, err := api{c}.claims(ctx, name)
	if err != nil {
		return removal, err
	}
	if err := found.removable(name, c.Namespace(), len(claims) > 0 && options.Purge); err != nil {
		if missing := (*cluster.NotFoundError)(nil); errors.As(err, &missing) {
			return removal, c.NotFound(ctx, name)
		}
		return removal, err
	}
	if err := found.seesBudget(name); err != nil {
		return removal, err
	}
	found = found.own(name)
	if err := confirmed(ctx, found, claims, options); err != nil {
		return removal, err
	}
	switch {
	case found.pod != nil:
		report(Event{Kind: EventDraining, Pod: name, Message: draining(found.pod, options.Force)})
	case found.set != nil:
		report(Event{Kind: EventDraining, Message: draining(found.set, options.Force)})
	}
	if err := (api{c}).removeAll(ctx, name, found, options, &removal); err != nil {
		return removal, err
	}
	purged, err := api{c}.removeClaims(ctx, name, claims, options.Purge, &removal)
	if err != nil {
		return removal, err
	}
	if options.NoWait {
		return removal, nil
	}
	if options.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, options.Timeout,
			fmt.Errorf("builds still run after %s; it ends by itself once they are done", options.Timeout))
		defer cancel()
	}
	if err := (api{c}).awaitGone(ctx, name, found.member, report); err != nil {
		return removal, err
	}
	return removal, api{c}.awaitRemoved(ctx, append(found.removed(), purged...))
}

// removeClaims removes the claims if they are purged, and returns those that were removed.
func (c api) removeClaims(
	ctx context.Context, name string, claims []corev1.PersistentVolumeClaim, purge bool, removal *Removal,
) (removed []heldObject, err error) {
	for n := range claims {
		claim := &claims[n]
		reference := kube.Reference{Kind: kube.KindClaim, Name: claim.Name}
		if !purge {
			removal.Kept = append(removal.Kept, reference)
			continue
		}
		if err := c.Delete(ctx, kube.KindClaim, claim, kube.Deletion{Still: stillOf(name)}); err != nil {
			return nil, err
		}
		removal.Removed = append(removal.Removed, reference)
		removed = append(removed, heldObject{kube.KindClaim, claim})
	}
	return removed, nil
}

// confirmed asks with what is about to be done.
func confirmed(ctx context.Context, found *existing, claims []corev1.PersistentVolumeClaim, options UninstallOptions) error {
	if options.Confirm == nil {
		return nil
	}
	var planned Removal
	found.each(func(kind string, object manifest.Object) {
		planned.Removed = append(planned.Removed, kube.Reference{Kind: kind, Name: object.GetName()})
	})
	for _, claim := range claims {
		reference := kube.Reference{Kind: kube.KindClaim, Name: claim.Name}
		if options.Purge {
			planned.Removed = append(planned.Removed, reference)
		} else {
			planned.Kept = append(planned.Kept, reference)
		}
	}
	return options.Confirm(ctx, planned)
}

// stillOf returns what reports whether an object still is the builder's.
func stillOf(name string) func(manifest.Object) bool {
	return func(object manifest.Object) bool { return isOf(object, name) }
}

// removable says that there is something of ours to remove, and nothing foreign in its place.
func (f *existing) removable(name, namespace string, claims bool) error {
	own := claims
	var foreign error
	f.each(func(kind string, object manifest.Object) {
		switch {
		case isOf(object, name):
			own = true
		case kind == kube.KindPod || kind == kube.KindStatefulSet:
			foreign = &ForeignError{Kind: kind, Name: object.GetName(), Namespace: namespace, Builder: name, Unwanted: true}
		}
	})
	if own {
		return nil
	}
	if foreign != nil {
		return foreign
	}
	return &cluster.NotFoundError{Name: name, Namespace: namespace}
}

// removeJob removes what makes the Pod of a builder for one build.
func (c api) removeJob(ctx context.Context, name string, found *existing, removal *Removal) error {
	if found.config == nil || found.config.Labels[builder.LabelEphemeral] == "" {
		return nil
	}
	job := kube.NewObject(kube.KindJob)
	if ok, err := c.GetIfExists(ctx, kube.KindJob, name, job); err != nil || !ok || !isOf(job, name) {
		return err
	}
	removal.Removed = append(removal.Removed, kube.Reference{Kind: kube.KindJob, Name: name})
	return c.Delete(ctx, kube.KindJob, job, kube.Deletion{Still: stillOf(name)})
}

// removeAll marks all objects for removal, the members first.
func (c api) removeAll(ctx context.Context, name string, found *existing, options UninstallOptions, removal *Removal) error {
	err := c.removeJob(ctx, name, found, removal)
	found.each(func(kind string, object manifest.Object) {
		if err != nil {
			return
		}
		var grace *int64
		if kind == kube.KindPod {
			grace = graceOf(options.Force)
		}
		if err = c.Delete(ctx, kind, object, kube.Deletion{Grace: grace, Still: stillOf(name)}); err != nil {
			return
		}
		removal.Removed = append(removal.Removed, kube.Reference{Kind: kind, Name: object.GetName()})
	})
	if err == nil && (found.set != nil && options.Force || len(found.orphans) > 0) {
		err = c.stopMembers(ctx, name, found.member, graceOf(options.Force))
	}
	if err == nil && options.Force {
		_, err = c.giveUpLost(ctx, name, found.member)
	}
	return err
}

// claims are the volumes' claims that a StatefulSet's controller made for the builder, by label and
// by name.
func (c api) claims(ctx context.Context, name string) ([]corev1.PersistentVolumeClaim, error) {
	claims := &corev1.PersistentVolumeClaimList{}
	err := c.ListObjects(ctx, kube.KindClaim, selecting(name), claims)
	if kube.IsForbidden(err) {
		return nil, nil
	}
	return slices.DeleteFunc(claims.Items, func(claim corev1.PersistentVolumeClaim) bool {
		ordinal, found := strings.CutPrefix(claim.Name, builder.VolumeName+"-"+name+"-")
		return !found || strings.Trim(ordinal, "0123456789") != ""
	}), err
}
