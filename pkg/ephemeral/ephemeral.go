// Package ephemeral makes builders for one build: a Job with the settings of an installed builder,
// whose certificates only the client has that made it.
//
// The cluster removes such a builder by itself, soon after its client has stopped putting that off,
// so that nothing is left of a client that was killed. The package knows neither commands nor
// BuildKit: whether the daemon answers is asked through a function that the caller gives.
package ephemeral

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// removeWithin bounds the removal, also after an interrupt.
const removeWithin = 10 * time.Second

// Options say what builder is made.
type Options struct {
	// Like is the builder whose stored settings it has. Where that does not exist, it has the
	// defaults, unless Named is set: then that is an error.
	Like  string
	Named bool
	// Edit changes the settings, for this builder alone; nil changes none.
	Edit install.Edit
	// Timeout is how long the Pod may take to start.
	Timeout time.Duration
	// Probe decides that the daemon answers.
	Probe install.Probe
	// Renewed returns a client that shares no connection with the first one, for when that one
	// fails.
	Renewed func() (*cluster.Client, error)
	// Report is passed the steps of the start.
	Report func(install.Event)
}

// Builder is a builder for one build. A nil one is none: Remove does nothing then.
type Builder struct {
	options Options
	lease   *lease
	job     string
	pod     string
	client  *cluster.Client
	secret  *corev1.Secret // the client's side
}

// Start makes a builder and waits until its daemon answers. The end of ctx does not end it: the
// caller does, with Remove. After an error nothing is left.
//
// The error is a *cluster.NotFoundError for Options.Like, a *usage.Error for the settings, a
// *RefusedError where the cluster does not accept the Pod, an *install.StartError where that does
// not start, or a cluster error.
func Start(ctx context.Context, c *cluster.Client, o Options) (*Builder, error) {
	spec, err := settings(ctx, c, o)
	if err != nil {
		return nil, err
	}
	certificates, err := trust.Issue(c.Now(), spec.Name)
	if err != nil {
		return nil, err
	}
	objects, err := manifest.NewEphemeral(spec, certificates, int64(leaseTime.Seconds()))
	if err != nil {
		return nil, err
	}
	b := &Builder{options: o, client: c, job: spec.Name, secret: objects.Client}
	began := time.Now()
	if err = c.Create(ctx, objects.Job, false); err == nil {
		b.lease = keep(ctx, c, o.Renewed, objects.Job, began)
		err = b.start(ctx, objects)
	}
	if err != nil {
		b.Remove(ctx)
		return nil, err
	}
	return b, nil
}

// settings returns those of the builder, and its name.
func settings(ctx context.Context, c *cluster.Client, o Options) (builder.Spec, error) {
	spec, err := install.StoredSpec(ctx, c, o.Like)
	if missing := (*cluster.NotFoundError)(nil); errors.As(err, &missing) && !o.Named {
		spec, err = builder.Spec{Name: o.Like, Namespace: c.Namespace()}, nil
	}
	if err == nil && o.Edit != nil {
		spec, err = o.Edit(spec)
	}
	if err != nil {
		return spec, err
	}
	unique := make([]byte, 4)
	_, _ = rand.Read(unique) // never fails
	spec.Namespace = c.Namespace()
	return spec.Ephemeral(builder.EphemeralName(o.Like, hex.EncodeToString(unique)))
}

// start writes what the Pod needs, which the Job's controller makes meanwhile, and waits for it.
func (b *Builder) start(ctx context.Context, objects *manifest.Ephemeral) error {
	objects.SetOwner(objects.Job)
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	writes := []func() error{func() error { return b.admitted(waiting, objects.Pod) }}
	for _, object := range objects.Owned {
		writes = append(writes, func() error { return b.client.Create(waiting, object, false) })
	}
	var pod *corev1.Pod
	writes = append(writes, func() (err error) {
		pod, err = awaitMade(waiting, b.client, b.job, b.options.Like)
		return err
	})
	if err := togetherOrNone(stop, writes...); err != nil {
		return err
	}
	b.pod = pod.Name
	options := install.Options{Timeout: b.options.Timeout, Probe: b.options.Probe}
	return install.AwaitPod(ctx, b.client, pod, b.secret, options, b.report)
}

// togetherOrNone runs functions at once and stops all when one fails. It returns the first error in
// time.
func togetherOrNone(stop func(), functions ...func() error) error {
	errs := make(chan error, len(functions))
	for _, function := range functions {
		go func() { errs <- function() }()
	}
	var first error
	for range functions {
		if err := <-errs; err != nil {
			first = cmp.Or(first, err)
			stop()
		}
	}
	return first
}

// report passes on the steps of a start. That a volume's Secret is missing is none: it is written
// while the Pod is made.
func (b *Builder) report(event install.Event) {
	if b.options.Report != nil && event.Reason != "FailedMount" {
		b.options.Report(event)
	}
}

// admitted asks whether the cluster would accept the Pod: a Job is accepted, and stays without one.
// A user who may not create Pods learns that from the events of the Job.
func (b *Builder) admitted(ctx context.Context, pod *corev1.Pod) error {
	asked := pod.DeepCopy()
	asked.Name += "-preflight"
	_, err := b.client.TryPod(ctx, asked)
	if refused := kube.AsAdmission(err); refused != nil {
		refused.Name, refused.Takes = pod.Name, kube.Usage(pod.Spec)
		return &RefusedError{Builder: b.options.Like, Err: refused}
	}
	return nil
}

// Name is the builder's name, which is the Job's.
func (b *Builder) Name() string { return b.job }

// Location is what the builder's name leads to, for as long as it exists.
func (b *Builder) Location() (*cluster.Location, error) {
	connection, err := b.client.ConnectionOf(b.secret)
	if err != nil {
		return nil, err
	}
	connection.Members = []string{b.pod}
	return &cluster.Location{Name: b.job, Connection: connection}, nil
}

// Remove removes the builder, within a few seconds, also when ctx has ended. Where that fails the
// cluster removes it a little later.
func (b *Builder) Remove(ctx context.Context) {
	if b == nil {
		return
	}
	b.lease.end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
	defer cancel()
	job := &batchv1.Job{}
	if ok, err := b.client.GetIfExists(ctx, kube.KindJob, b.job, job); err == nil && ok {
		_ = b.client.Delete(ctx, kube.KindJob, job, kube.Deletion{})
	}
}
