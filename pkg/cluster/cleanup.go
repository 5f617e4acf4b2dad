package cluster

import (
	"context"
	"errors"
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

// failed removes what this call has made, if it made the whole builder and the cluster has said that it cannot start.
// After a timeout, an interrupt, or a failure to reach what does run, everything stays.
func (i *installation) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var start *StartError
	isStart := errors.As(err, &start)
	stays := ctx.Err() != nil || isStart && (start.Reason == ReasonTimeout || start.Reason == ReasonUnreachable)
	if !i.first || stays {
		if isStart {
			start.Remaining = i.references()
		}
		return err
	}
	// The caller's context may be about to end; what was made must go nevertheless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupWithin)
	defer cancel()
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

// references are the objects that install made, now or before.
func (i *installation) references() []Reference {
	references := make([]Reference, 0, len(i.outcome.Objects))
	for _, object := range i.outcome.Objects {
		references = append(references, Reference{Kind: object.GetObjectKind().GroupVersionKind().Kind, Name: object.GetName()})
	}
	return references
}
