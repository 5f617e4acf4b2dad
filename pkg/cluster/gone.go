package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// selecting are the options that list the Pods, or the claims, with a builder's labels.
func selecting(name string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: builder.Selector(name)}
}

// isConflict reports whether err says that an object has changed.
func isConflict(err error) bool {
	var conflict *ConflictError
	return apierrors.IsConflict(err) || errors.As(err, &conflict)
}

// awaitGone waits until the builder has none of its members any more. It does not wait for a lost node: that is a
// *NodeLostError.
func (c *Client) awaitGone(ctx context.Context, name string, member func(*corev1.Pod) bool, report func(Event)) error {
	options := selecting(name)
	left := map[types.UID]string{}
	err := c.follow(ctx, kindPod, options, func(event watch.Event) (bool, error) {
		if event.Type == listed {
			clear(left)
			return false, nil
		}
		pod, ok := event.Object.(*corev1.Pod)
		switch {
		case !ok || !member(pod):
			return false, nil // others may have the labels too
		case event.Type == watch.Deleted:
			delete(left, pod.UID)
			if report != nil {
				report(Event{Kind: EventRemoved, Pod: pod.Name, Message: "is gone"})
			}
		default:
			left[pod.UID] = pod.Name
			if nodeLost(pod) {
				return true, &NodeLostError{Name: name, Namespace: c.namespace, Pod: pod.Name, Node: pod.Spec.NodeName}
			}
		}
		return len(left) == 0, nil
	}, func() bool { return len(left) == 0 })
	if err != nil {
		return fmt.Errorf("waiting for the end of builder %q: %w", name, err)
	}
	return nil
}

// listed is the type of a made-up event: a list follows, and what was known before is void.
const listed watch.EventType = "LISTED"

// follow calls visit with every object that there is, then with every change, until visit says done. It starts over
// when the server ends the watch, as it does every few minutes. After each list it asks complete, which may be nil.
func (c *Client) follow(
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
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// replay lists, and shows every object as added; the version is empty when visit said done.
func (c *Client) replay(
	ctx context.Context, kind string, options metav1.ListOptions, visit func(watch.Event) (bool, error),
) (version string, err error) {
	if _, err := visit(watch.Event{Type: listed}); err != nil {
		return "", err
	}
	switch kind {
	case kindEvent:
		events := &corev1.EventList{}
		if err := c.list(ctx, kind, options, events); err != nil {
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
		if err := c.list(ctx, kind, options, pods); err != nil {
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

func pause(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
