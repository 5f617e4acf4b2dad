package cluster

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// made is an object that this install created.
type made struct {
	Reference
	uid types.UID
}

// cleanupWithin bounds the removal of what a failed install made.
const cleanupWithin = 10 * time.Second

// failed removes what this call has made, if it made the whole builder and that cannot start, or nobody waits for it any
// more. After a timeout, or a failure to reach what does run, everything stays: it may still come up.
func (i *installation) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var start *StartError
	isStart := errors.As(err, &start)
	if !i.first || isStart && (start.Reason == ReasonTimeout || start.Reason == ReasonUnreachable) {
		if isStart {
			start.Remaining = i.references()
		}
		return err
	}
	interrupted := ctx.Err() != nil
	// The caller's context may have ended; what was made must go nevertheless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupWithin)
	defer cancel()
	if interrupted {
		i.recordUnanswered()
	}
	for n := len(i.made) - 1; n >= 0; n-- {
		object := i.made[n]
		problem := i.remove(ctx, object.Kind, object.Name, object.uid, graceOf(object.Kind == kindPod))
		if isStart && (problem == nil || gone(problem)) {
			start.Removed = append(start.Removed, object.Reference)
		} else if isStart {
			start.Remaining = append(start.Remaining, object.Reference)
		}
	}
	return err
}

// recordUnanswered counts as made whatever is not known to be: an interrupt cuts requests off whose effect the server
// had already written. There was no builder of that name when this install began.
func (i *installation) recordUnanswered() {
	for _, object := range i.objects.All() {
		reference := Reference{Kind: object.GetObjectKind().GroupVersionKind().Kind, Name: object.GetName()}
		if !slices.ContainsFunc(i.made, func(known made) bool { return known.Reference == reference }) {
			i.made = append(i.made, made{Reference: reference})
		}
	}
}

// references are the objects that install made, now or before.
func (i *installation) references() []Reference {
	references := make([]Reference, 0, len(i.outcome.Objects))
	for _, object := range i.outcome.Objects {
		references = append(references, Reference{Kind: object.GetObjectKind().GroupVersionKind().Kind, Name: object.GetName()})
	}
	return references
}
