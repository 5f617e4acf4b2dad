package install

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// Plan is what an install is about to do to a builder.
type Plan struct {
	Name, Namespace string
	// New reports that no builder has that name.
	New bool
	// Unproven is what was found of the builder without a proof that it is the builder's; nil if
	// nothing was. Its settings are among the Differences.
	Unproven *UnownedError
	// Differences are the settings that change; of a new builder, those that it gets.
	Differences []builder.Difference
	// Renews says that certificates are issued.
	Renews bool
	// Losses are the members whose cache and history go, or are not used any more.
	Losses []Loss
	// Mode is that of the new members, one of builder.Modes.
	Mode string
}

// Loss is a member that goes with its cache and its history records.
type Loss struct {
	Member cluster.Member
	// Replaced says that another Pod takes its place; else it is removed.
	Replaced bool
	// Claim is its volume's, which stays, and is not used any more; empty if the cache is on the
	// node's disk, and goes.
	Claim string
}

// Confirm is asked before the first change. Its error ends the install, and nothing has happened.
type Confirm func(ctx context.Context, plan Plan) error

// plan compares what there is with what shall be.
func (i *installation) plan(ctx context.Context) (Plan, error) {
	plan := Plan{
		Name: i.name, Namespace: i.api.Namespace(), Renews: i.outcome.Renewed, Unproven: i.unproven,
		New:         i.found.workload() == nil && i.found.config == nil && i.unproven == nil,
		Differences: builder.Differences(i.current, i.spec), Mode: i.spec.RunMode(),
	}
	if i.found.set != nil && template(i.found.set) == nil {
		for _, pod := range i.rotation.cutOff {
			plan.Losses = append(plan.Losses, i.lossOf(pod, true))
		}
	}
	if i.outcome.Change == Unchanged || i.outcome.Change == Created {
		return plan, nil
	}
	i.addImage(&plan)
	if pod := i.found.pod; pod != nil && i.outcome.Change == Replaced && i.loses(pod) {
		plan.Losses = append(plan.Losses, Loss{Member: cluster.MemberOf(pod), Replaced: !i.spec.Stateful()})
	}
	if i.found.set == nil {
		return plan, nil
	}
	members, err := i.api.membersOf(ctx, i.name, i.found.member)
	if err != nil {
		return plan, err
	}
	wanted := map[string]bool{}
	if i.spec.Stateful() {
		for _, name := range i.spec.MemberNames() {
			wanted[name] = true
		}
	}
	sameSet := i.spec.Stateful() && !i.losesVolumes()
	keepsCache := template(i.found.set) != nil && i.spec.Storage != nil || !i.restartsMembers()
	for _, pod := range members {
		stays := wanted[pod.Name] && (keepsCache || sameSet && sameHash(pod, i.objects.Pod))
		if pod == i.found.pod || stays || !i.loses(pod) || i.rotation.restarts(pod) {
			continue
		}
		plan.Losses = append(plan.Losses, i.lossOf(pod, wanted[pod.Name]))
	}
	return plan, nil
}

// pretend makes the outcome of a dry run.
func (i *installation) pretend(context.Context) error {
	if config, ok := i.objects.Config().(*corev1.ConfigMap); ok {
		if err := manifest.SetPrevious(config, nil); err != nil {
			return err
		}
	}
	i.outcome.Objects = i.written()
	for _, object := range i.outcome.Objects {
		i.record(object, i.changes[referenceTo(object)])
	}
	return nil
}

// lossOf is a member of a set that goes.
func (i *installation) lossOf(pod *corev1.Pod, replaced bool) Loss {
	loss := Loss{Member: cluster.MemberOf(pod), Replaced: replaced}
	if template(i.found.set) != nil {
		loss.Claim = builder.ClaimName(pod.Name)
	}
	return loss
}

// addImage tells of an image that changes with the version of this program.
func (i *installation) addImage(plan *Plan) {
	var containers []corev1.Container
	switch {
	case i.found.set != nil:
		containers = i.found.set.Spec.Template.Spec.Containers
	case i.found.pod != nil:
		containers = i.found.pod.Spec.Containers
	}
	wanted := i.spec.WithDefaults()
	for _, difference := range plan.Differences {
		if difference.Name == "image" || difference.Name == "mode" {
			return
		}
	}
	for _, container := range containers {
		if container.Name == builder.ContainerName && container.Image != wanted.Image &&
			builder.IsDefaultImage(container.Image, wanted.Rootless()) && builder.IsDefaultImage(wanted.Image, wanted.Rootless()) {
			plan.Differences = append([]builder.Difference{{Name: "image", Gone: []string{container.Image}, New: []string{wanted.Image}}},
				plan.Differences...)
		}
	}
}

// restartsMembers says that the members of a set do not stay as they are.
func (i *installation) restartsMembers() bool {
	if !i.spec.Stateful() || i.losesVolumes() {
		return true
	}
	return i.found.set.Spec.Template.Annotations[builder.AnnotationSpec] != i.objects.Pod.Annotations[builder.AnnotationSpec]
}

// loses reports whether a Pod that goes has something to lose. The disk of one that is terminating
// goes whatever this install does; a volume is still used by the next Pod of the name.
func (i *installation) loses(pod *corev1.Pod) bool {
	return holdsCache(pod) && !i.givenUp(pod) && (pod.DeletionTimestamp == nil || template(i.found.set) != nil)
}

// holdsCache says that a Pod may have a cache: its daemon has run, and its disk is not gone.
func holdsCache(pod *corev1.Pod) bool {
	status := cluster.StatusOf(pod, builder.ContainerName)
	return status != nil && !hasEnded(pod) &&
		(status.State.Running != nil || status.State.Terminated != nil || status.LastTerminationState.Terminated != nil)
}

// givenUp says that a Pod goes because its node is lost: that has been asked for, with --force.
func (i *installation) givenUp(pod *corev1.Pod) bool { return i.options.Force && cluster.NodeLost(pod) }

// warnOfPartial reports, once, that settings that no flag names become the defaults.
func (i *installation) warnOfPartial(partial *PartialSettingsError) {
	if !i.partial {
		i.report(Event{Kind: EventWarning, Reason: "PartialSettings", Message: "warning: " + partial.Error() +
			": what no flag sets is the default"})
	}
	i.partial = true
}

// warnOfMissing tells of image pull secrets that are not there: a node would say only that it may
// not pull.
func (i *installation) warnOfMissing(ctx context.Context) error {
	for _, name := range i.spec.ImagePullSecrets {
		if slices.Contains(i.current.ImagePullSecrets, name) {
			continue
		}
		if ok, err := i.api.GetIfExists(ctx, kube.KindSecret, name, &corev1.Secret{}); err == nil && !ok {
			i.report(Event{Kind: EventWarning, Reason: "NotFound", Message: fmt.Sprintf(
				"warning: image pull secret %q not found in namespace %q", name, i.api.Namespace())})
		}
	}
	return nil
}
