package kube

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// IsConflict reports whether err says that an object has changed.
func IsConflict(err error) bool {
	var conflict *ConflictError
	return apierrors.IsConflict(err) || errors.As(err, &conflict)
}

// Listed is the type of a made-up event: a list follows, and what was known before is void.
const Listed watch.EventType = "LISTED"

// Follow calls visit with every object that there is, then with every change, until visit says
// done. It starts over when the server ends the watch, as it does every few minutes, and waits for
// a server that is away for less than outageLimit. After each list it asks complete, which may be
// nil.
func (c *Client) Follow(
	ctx context.Context, kind string, options metav1.ListOptions, visit func(watch.Event) (done bool, err error), complete func() bool,
) error {
	for {
		version, err := c.replay(ctx, kind, options, visit)
		if err != nil || version == "" || complete != nil && complete() {
			return err
		}
		options.ResourceVersion = version
		done, err := c.changes(ctx, kind, options, visit)
		if done || err != nil {
			return err
		}
		options.ResourceVersion = ""
		if err := Pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// replay lists, and shows every object as added; the version is empty when visit said done.
func (c *Client) replay(
	ctx context.Context, kind string, options metav1.ListOptions, visit func(watch.Event) (bool, error),
) (version string, err error) {
	if _, err := visit(watch.Event{Type: Listed}); err != nil {
		return "", err
	}
	switch kind {
	case KindEvent:
		events := &corev1.EventList{}
		if err := throughOutages(ctx, func() error { return c.ListObjects(ctx, kind, options, events) }); err != nil {
			return "", err
		}
		for i := range events.Items {
			if done, err := visit(watch.Event{Type: watch.Added, Object: &events.Items[i]}); done || err != nil {
				return "", err
			}
		}
		return events.ResourceVersion, nil
	default:
		pods := &corev1.PodList{}
		if err := throughOutages(ctx, func() error { return c.ListObjects(ctx, kind, options, pods) }); err != nil {
			return "", err
		}
		for i := range pods.Items {
			if done, err := visit(watch.Event{Type: watch.Added, Object: &pods.Items[i]}); done || err != nil {
				return "", err
			}
		}
		return pods.ResourceVersion, nil
	}
}

// changes shows every change until the server ends the watch.
func (c *Client) changes(
	ctx context.Context, kind string, options metav1.ListOptions, visit func(watch.Event) (bool, error),
) (done bool, err error) {
	watcher, err := c.watch(ctx, kind, options)
	if isTemporary(err) {
		return false, Pause(ctx, outagePause) // the list that follows waits for the server
	}
	if err != nil {
		return false, err
	}
	defer watcher.Stop()
	for {
		select {
		case event, open := <-watcher.ResultChan():
			if !open || event.Type == watch.Error {
				return false, nil
			}
			if done, err := visit(event); done || err != nil {
				return done, err
			}
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// Pause waits for that long, or until ctx ends, whose cause it then returns.
func Pause(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
