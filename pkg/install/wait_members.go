package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// waiter watches the members of a builder come up. One goroutine, that of run, owns all its state.
type waiter struct {
	install  *installation
	start    time.Time
	members  map[string]*progress
	updates  chan watch.Event
	answers  chan answer
	counts   chan Event // of builds on a member that is stopped
	scaling  bool       // an autoscaler is adding a node
	noScale  string     // why no autoscaler adds one
	warned   map[string]bool
	warning  string // the last one, for a timeout
	refused  *cluster.StartProblem
	workload types.UID
	moved    time.Time // when the roll-out last went on; the start, where there is none
}

// progress is how far one member is.
type progress struct {
	pod       *corev1.Pod
	scheduled bool
	pulling   bool
	started   bool
	connected bool
	trouble   *cluster.StartProblem
	sandbox   *cluster.StartProblem // which events alone report
	since     time.Time
	kick      chan struct{}
	cancel    context.CancelFunc
	probeErr  error
	former    *corev1.Pod // the one that is still to be replaced
}

// answer is what a probe said about the Pod of that UID.
type answer struct {
	pod string
	uid types.UID
	err error
}

// watch starts the two watches. Events are a courtesy: without permission to read them there is
// less to tell.
func (w *waiter) watch(ctx context.Context, broken chan<- error) {
	forward := func(event watch.Event) (bool, error) {
		select {
		case w.updates <- event:
			return false, nil
		case <-ctx.Done():
			return true, context.Cause(ctx)
		}
	}
	pods := func(event watch.Event) (bool, error) {
		if event.Type == kube.Listed {
			event.Object = &corev1.PodList{}
		}
		return forward(event)
	}
	go func() {
		options := metav1.ListOptions{LabelSelector: builder.Selector(w.instance())}
		if err := w.install.api.Follow(ctx, kube.KindPod, options, pods, nil); err != nil && ctx.Err() == nil {
			broken <- err
		}
	}()
	go w.overtaken(ctx, broken)
	go func() {
		options := metav1.ListOptions{}
		if !w.install.spec.Stateful() {
			options.FieldSelector = "involvedObject.name=" + w.install.spec.Name
		}
		if err := w.install.api.Follow(ctx, kube.KindEvent, options, forward, nil); err != nil && ctx.Err() == nil && !kube.IsForbidden(err) {
			broken <- err
		}
	}()
}

func (w *waiter) run(ctx context.Context, broken <-chan error) error {
	for {
		if w.complete() {
			return nil
		}
		switch member, trouble := w.overdue(); {
		case trouble == nil:
		case trouble.Reason == reasonHeld && w.members[member].former != nil:
			return w.install.api.heldError(w.members[member].former)
		default:
			return w.diagnose(ctx, member, trouble)
		}
		if w.remaining() <= 0 {
			return w.timedOut()
		}
		timer := time.NewTimer(w.patience())
		select {
		case event := <-w.updates:
			w.changed(ctx, event)
		case answer := <-w.answers:
			if err := w.answered(answer); err != nil {
				timer.Stop()
				return err
			}
		case count := <-w.counts:
			w.install.report(count)
		case err := <-broken:
			timer.Stop()
			return err
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("waiting for builder %q: %w", w.install.spec.Name, context.Cause(ctx))
		}
		timer.Stop()
	}
}

func (w *waiter) complete() bool {
	for _, member := range w.members {
		if !member.connected {
			return false
		}
	}
	return true
}

// overdue is the first member whose trouble has lasted too long.
func (w *waiter) overdue() (string, *cluster.StartProblem) {
	if w.refused != nil {
		return w.install.spec.Name, w.refused
	}
	for _, name := range w.install.spec.MemberNames() {
		if member := w.members[name]; member.trouble != nil && w.left(member) <= 0 {
			return name, member.trouble
		}
	}
	return "", nil
}

// left is how long a member's trouble may go on.
func (w *waiter) left(member *progress) time.Duration {
	patience := member.trouble.Patience
	if member.trouble.Reason == corev1.PodReasonUnschedulable {
		switch {
		case w.scaling:
			return time.Hour
		case w.noScale != "":
			patience = 0
		}
	}
	return patience - time.Since(member.since)
}

// patience is how long nothing needs to be decided.
func (w *waiter) patience() time.Duration {
	least := w.remaining()
	for _, member := range w.members {
		if member.trouble != nil {
			least = min(least, w.left(member))
		}
	}
	return max(least, time.Millisecond)
}

// answered takes a probe's result; an error that another try would not change ends the wait.
func (w *waiter) answered(answer answer) error {
	member := w.members[answer.pod]
	if member == nil || member.pod == nil || member.pod.UID != answer.uid {
		return nil
	}
	member.probeErr = answer.err
	if answer.err == nil {
		member.connected, member.trouble = true, nil
		w.install.report(Event{Kind: EventConnected, Pod: answer.pod, Message: "answers"})
		return nil
	}
	if final := permanent(nil); errors.As(answer.err, &final) && final.Permanent() {
		return &StartError{
			Name: w.install.spec.Name, Namespace: w.install.api.Namespace(), Pod: answer.pod, Reason: ReasonUnreachable,
			Message: answer.err.Error(), Waited: time.Since(w.start), Err: answer.err,
		}
	}
	return nil
}

// permanent is an error that says whether another try would give the same.
type permanent interface {
	error
	Permanent() bool
}

// timeUp is the cause of a start that took too long.
type timeUp struct{}

func (timeUp) Error() string { return "the time is up" }

// Class returns fault.Unavailable.
func (timeUp) Class() fault.Class { return fault.Unavailable }

// timedOut says what was known when time ran out. A member that its kubelet sees ready is not
// reached by this client alone.
func (w *waiter) timedOut() error {
	timeout := &StartError{
		Name: w.install.spec.Name, Namespace: w.install.api.Namespace(), Reason: ReasonTimeout, Waited: time.Since(w.start), Err: timeUp{},
	}
	timeout.Message = fmt.Sprintf("not up after %s", timeout.Waited.Round(time.Second))
	timeout.Pod = w.missing()
	member := w.members[timeout.Pod]
	state := "Pod " + timeout.Pod + " does not exist"
	switch {
	case member.pod != nil:
		word, _ := cluster.StateOf(member.pod)
		state = "Pod " + timeout.Pod + " is " + word
		if cluster.ConditionOf(member.pod, corev1.PodReady) == corev1.ConditionTrue {
			timeout.Reason = ReasonUnreachable
		}
		if trouble := member.trouble; trouble != nil && trouble.Reason == cluster.ReasonUnassigned {
			timeout.Reason, state = trouble.Reason, state+": "+trouble.Message // nothing shows that it will ever come up
		}
	case member.former != nil:
		state = "Pod " + timeout.Pod + " was not replaced"
	}
	timeout.Message += "; " + state
	if member.probeErr != nil {
		timeout.Message += "; " + member.probeErr.Error()
	}
	if w.warning != "" {
		timeout.Message += "; " + w.warning
	}
	return timeout
}

// diagnose makes the error of a member that does not start.
func (w *waiter) diagnose(ctx context.Context, pod string, trouble *cluster.StartProblem) error {
	failure := &StartError{
		Name: w.install.spec.Name, Namespace: w.install.api.Namespace(), Pod: pod, Reason: trouble.Reason, Message: trouble.Message,
		Waited: time.Since(w.start),
	}
	if failure.Message == "" {
		failure.Message = w.warning
	}
	if trouble.Reason == corev1.PodReasonUnschedulable && w.noScale != "" {
		failure.Message += "; " + w.noScale
	}
	if arch := w.install.spec.Architecture(); trouble.Reason == corev1.PodReasonUnschedulable && arch != "" {
		if nodes, err := w.install.api.Architectures(ctx); err == nil && !slices.Contains(nodes, arch) {
			failure.NoNode = arch
		}
	}
	if trouble.Crashed {
		failure.Logs = w.install.api.LastLines(ctx, pod, builder.ContainerName)
	}
	return failure
}
