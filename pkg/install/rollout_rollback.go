package install

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// restoration is what a failed roll-out goes back to.
type restoration struct {
	*manifest.Previous
	// former is what this run has found, nil if an earlier one began the roll-out: a set gets
	// exactly its former template, so that members which were not replaced stay as they are.
	former *existing
	failed string // the builder.AnnotationSpec of the members that do not start
}

// rollsBack reports whether the members would be better off as they were: not if they run and only
// this client does not reach them, nor where a node is lost, or a user has removed a Pod.
func (i *installation) rollsBack(start *StartError) bool {
	return i.previous != nil && i.wrote &&
		!slices.Contains([]string{ReasonUnreachable, ReasonDeleted, cluster.ReasonNodeLost}, start.Reason)
}

// rollBack installs what there was before the roll-out that failed, and waits for it.
func (i *installation) rollBack(ctx context.Context, start *StartError) {
	i.report(Event{Kind: EventWarning, Pod: start.Pod, Reason: start.Reason, Message: "does not start: rolling back to the former settings"})
	back := &installation{
		api: i.api, id: rand.Text(), name: i.name, report: i.report,
		options:   Options{Timeout: i.options.Timeout, Probe: i.options.Probe},
		restoring: &restoration{Previous: i.previous, former: i.former, failed: i.objects.Pod.Annotations[builder.AnnotationSpec]},
	}
	back.edit = func(current builder.Spec) (builder.Spec, error) {
		spec := i.previous.Spec
		if spec.Storage != nil && current.Storage != nil { // volumes that have grown stay as they are
			spec.Storage, spec.StorageClass = current.Storage, current.StorageClass
		}
		return spec, nil
	}
	start.RollBack = back.run(ctx)
	if start.RollBack != nil && ctx.Err() != nil {
		i.report(Event{Kind: EventWarning, Message: "interrupted: the roll-back has not ended, so members may still have the settings that do not start; " +
			"to install again goes on with it"})
	}
	start.RolledBack, start.CacheLost = start.RollBack == nil, i.previous.Spec.Storage == nil
	if was := i.previous.Spec.Storage; was != nil && back.spec.Storage != nil && back.spec.Storage.Cmp(*was) > 0 {
		start.Grown = back.spec.Storage.String()
	}
	if start.RolledBack {
		i.removeAddedVolumes(ctx, back.spec)
	}
	i.outcome.Members = back.outcome.Members
	var again *StartError
	if errors.As(start.RollBack, &again) {
		start.Remaining = again.Remaining
	}
}

// superseded is an error if the members are neither those that failed nor the former ones.
func (i *installation) superseded() error {
	if i.restoring == nil || i.found.workload() == nil {
		return nil
	}
	has := i.found.started()[builder.AnnotationSpec]
	former := i.restoring.former
	if has == i.restoring.failed || former != nil && has == former.started()[builder.AnnotationSpec] {
		return nil
	}
	return &SupersededError{Name: i.name, Namespace: i.api.Namespace()}
}

// renderFormer makes the objects of before the roll-out, with the certificates of now.
func (i *installation) renderFormer(certificates *trust.Certificates) (err error) {
	spec := i.spec
	if spec.Image == "" && builder.IsDefaultImage(i.restoring.Image, spec.Rootless()) { // not one that a policy has set
		spec.Image = i.restoring.Image
	}
	if i.objects, err = manifest.New(spec, certificates); err != nil {
		return err
	}
	stored, err := manifest.New(i.spec, certificates)
	if err != nil {
		return err
	}
	i.rotation = rotation{kept: certificates.Former != nil}
	if config, ok := i.objects.Config().(*corev1.ConfigMap); ok {
		manifest.SetSettings(config, stored)
	}
	former := i.restoring.former
	set, isSet := i.objects.Workload.(*appsv1.StatefulSet)
	if former == nil || former.set == nil || former.config == nil || !isSet {
		return nil
	}
	set.Spec.Template = *former.set.Spec.Template.DeepCopy()
	set.Annotations[builder.AnnotationSpec] = former.set.Annotations[builder.AnnotationSpec]
	i.objects.Pod.Annotations[builder.AnnotationSpec] = set.Spec.Template.Annotations[builder.AnnotationSpec]
	if config, ok := i.objects.Config().(*corev1.ConfigMap); ok {
		manifest.SetDaemonConfig(config, former.config)
	}
	return nil
}
