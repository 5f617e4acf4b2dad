package install

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// await waits until every member answers, or says why one never will.
func (i *installation) await(ctx context.Context) error {
	w := &waiter{
		install: i, start: time.Now(), members: map[string]*progress{}, warned: map[string]bool{},
		updates: make(chan watch.Event), answers: make(chan answer), counts: make(chan Event), workload: i.objects.Workload.GetUID(),
	}
	w.moved = w.start
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, name := range i.spec.MemberNames() {
		w.members[name] = &progress{kick: make(chan struct{}, 1)}
	}
	if pod, ok := i.objects.Workload.(*corev1.Pod); ok {
		w.podChanged(ctx, watch.Modified, pod)
	}
	broken := make(chan error, 3) // one for each that may end the wait
	w.watch(ctx, broken)
	err := w.run(ctx, broken)
	for _, name := range i.spec.MemberNames() {
		if member := w.members[name]; member.pod != nil {
			i.outcome.Members = append(i.outcome.Members, cluster.MemberOf(member.pod))
		}
	}
	return err
}

// AwaitPod waits, as Run does, until the daemon answers of a builder for one build, whose Pod its
// Job has made. The Secret is the client's side of that builder. Of the options,
// Timeout and Probe count. It returns a *StartError if the Pod does not start.
func AwaitPod(ctx context.Context, c *cluster.Client, pod *corev1.Pod, client *corev1.Secret, options Options, report func(Event)) error {
	i := &installation{
		api: api{c}, name: pod.Name, options: options, report: OneAtATime(report),
		spec:    builder.Spec{Name: pod.Name, Namespace: c.Namespace()},
		objects: &manifest.Builder{Workload: pod, Pod: pod, Client: client},
	}
	err := i.await(ctx)
	var start *StartError
	if errors.As(err, &start) {
		start.Name, start.Ephemeral = pod.Labels[builder.LabelInstance], true
	}
	return err
}

// instance is the builder whose members are waited for.
func (w *waiter) instance() string { return w.install.objects.Pod.Labels[builder.LabelInstance] }
