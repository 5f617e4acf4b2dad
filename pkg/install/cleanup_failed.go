package install

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// cleanupWithin bounds the removal of what a failed install made.
const cleanupWithin = 10 * time.Second

// failed removes what this call has made, if it made the whole builder and that cannot start, or
// its caller does not wait for it any more. After a timeout, or a failure to reach what does run,
// everything stays: it may still come up.
func (i *installation) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var start *StartError
	isStart := errors.As(err, &start)
	if isStart && i.rollsBack(start) {
		i.rollBack(ctx, start)
		return err
	}
	if ctx.Err() != nil {
		i.unfinished()
	}
	if !i.first || !i.wrote || isStart && (start.Reason == ReasonTimeout || start.Reason == ReasonUnreachable) {
		if isStart {
			start.Remaining = i.stillThere(ctx)
		}
		return err
	}
	// The caller's context may have ended; what was made must go nevertheless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupWithin)
	defer cancel()
	removed, remaining := i.takeBack(ctx)
	switch {
	case isStart:
		start.Removed, start.Remaining = removed, remaining
	case len(removed)+len(remaining) > 0:
		return &IncompleteError{Name: i.name, Namespace: i.api.Namespace(), Removed: removed, Remaining: remaining, Err: err}
	}
	return err
}

// takeBack removes what this run has made, and nothing else: objects that were not there when it
// began, that have this run's id, and that are still of the version which says so. If any of the
// builder's objects is of another run, that run relies on the others, and all stay. The workload
// goes first, then the server's Secret, from which another run would go on.
func (i *installation) takeBack(ctx context.Context) (removed, remaining []kube.Reference) {
	order := append([]manifest.Object{i.objects.Workload}, i.written()...)
	var mine []manifest.Object
	seen := map[kube.Reference]bool{}
	for _, wanted := range order {
		reference := referenceTo(wanted)
		if seen[reference] {
			continue
		}
		seen[reference] = true
		live := kube.NewObject(reference.Kind)
		ok, err := i.api.GetIfExists(ctx, reference.Kind, reference.Name, live)
		switch {
		case err != nil:
			remaining = append(remaining, reference)
		case !ok, live.GetDeletionTimestamp() != nil && !i.own(live):
			removed = append(removed, reference) // what another run is removing relies on nothing
		case !i.own(live):
			return nil, i.references()
		case i.before[reference]:
		default:
			live.GetObjectKind().SetGroupVersionKind(wanted.GetObjectKind().GroupVersionKind())
			mine = append(mine, live)
		}
	}
	for n, live := range mine {
		kind := kindOf(live)
		err := i.api.Delete(ctx, kind, live, kube.Deletion{Grace: graceOf(kind == kube.KindPod), Still: i.own})
		if kube.IsConflict(err) { // another run has begun to rely on it
			for _, left := range mine[n:] {
				remaining = append(remaining, referenceTo(left))
			}
			return removed, remaining
		}
		if err != nil {
			remaining = append(remaining, referenceTo(live))
			continue
		}
		removed = append(removed, referenceTo(live))
		if kind == kube.KindStatefulSet {
			claims, left := i.removeNewClaims(ctx, nil)
			removed, remaining = append(removed, claims...), append(remaining, left...)
		}
	}
	return removed, remaining
}

// stillThere are the objects of this install that exist: another user may have removed them
// meanwhile. What cannot be read counts as there.
func (i *installation) stillThere(ctx context.Context) []kube.Reference {
	return slices.DeleteFunc(i.references(), func(reference kube.Reference) bool {
		live := kube.NewObject(reference.Kind)
		ok, err := i.api.GetIfExists(ctx, reference.Kind, reference.Name, live)
		return err == nil && (!ok || live.GetDeletionTimestamp() != nil)
	})
}

// own says that this run was the last to write the object.
func (i *installation) own(object manifest.Object) bool {
	return object.GetAnnotations()[builder.AnnotationRun] == i.id
}

// references are the objects that install made, now or before.
func (i *installation) references() []kube.Reference {
	var references []kube.Reference
	for _, object := range i.written() {
		references = append(references, referenceTo(object))
	}
	return references
}
