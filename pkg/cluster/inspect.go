package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// Inspection is a builder as far as the one who asks may see it.
type Inspection struct {
	// Connection is nil for an unmanaged builder, and when the Secret may not be read.
	Connection *Connection
	// ConnectionErr is why builds do not connect: it is what Locate fails with. Of certificates
	// that cannot be used now there is a Connection all the same.
	ConnectionErr error
	// Members are the Pods that should be there.
	Members []Condition
	// Needs are what its members ask of a node; of a builder that is not there, the default one's.
	Needs Needs
	// Lacking are objects that running members do without, and without which they cannot start
	// again.
	Lacking []kube.Reference

	unmanaged bool
}

// Condition is what a member's Pod tells.
type Condition struct {
	Member
	// Err is why it cannot take builds: a *NotReadyError, a *TerminatingError, or why it cannot be
	// seen. A Pod that does not exist is a *NotReadyError too.
	Err error
	// LastEnd is how the daemon ended the last time, e.g. "OOMKilled (exit code 137), 5m0s ago";
	// empty when it never did.
	LastEnd string
}

// Adopted reports whether the builder is an unmanaged one, which nothing authenticates.
func (i *Inspection) Adopted() bool { return i.unmanaged }

// Names are the Pods' names.
func (i *Inspection) Names() []string {
	names := make([]string, 0, len(i.Members))
	for _, member := range i.Members {
		names = append(names, member.Pod)
	}
	return names
}

// Inspect looks at a builder and at each of its members. Unlike Locate it does not stop at what is
// wrong: only a builder that does not exist is an error.
func (c *Client) Inspect(ctx context.Context, name string) (*Inspection, error) {
	if err := builder.ValidateName(name); err != nil {
		return nil, err
	}
	inspection := &Inspection{Needs: NeedsOf(builder.Spec{Name: name})}
	secret, at := &corev1.Secret{}, &Location{Name: name, pod: &corev1.Pod{}}
	var secretErr error
	lacking := make([]*kube.Reference, 2)
	_ = kube.Together(
		func() error {
			secretErr = c.Get(ctx, kube.KindSecret, builder.ClientSecretName(name), secret)
			return nil
		},
		func() error { at.podErr = c.Get(ctx, kube.KindPod, name, at.pod); return nil },
		func() error { lacking[0] = c.lacks(ctx, kube.KindSecret, builder.ServerSecretName(name)); return nil },
		func() error { lacking[1] = c.lacks(ctx, kube.KindConfigMap, builder.ConfigName(name)); return nil },
	)
	err := c.identify(ctx, name, secret, secretErr, at, false)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	inspection.ConnectionErr, inspection.unmanaged = err, err == nil && at.Connection == nil
	if secretErr == nil && manifest.HasConnection(secret) && !errors.As(err, new(*UnverifiedError)) {
		inspection.Connection, _ = c.ConnectionOf(secret)
	}
	c.inspectMembers(ctx, name, at, inspection)
	var notFound *NotFoundError
	var noNamespace *kube.NamespaceNotFoundError
	if errors.As(err, &notFound) || errors.As(err, &noNamespace) {
		return inspection, err
	}
	if !inspection.unmanaged {
		for _, reference := range lacking {
			if reference != nil {
				inspection.Lacking = append(inspection.Lacking, *reference)
			}
		}
	}
	return inspection, nil
}

// lacks returns the object if it certainly does not exist.
func (c *Client) lacks(ctx context.Context, kind, name string) *kube.Reference {
	if c.CertainlyLacks(ctx, kind, name) {
		return &kube.Reference{Kind: kind, Name: name}
	}
	return nil
}

// inspectMembers looks at the Pods that the builder should have.
func (c *Client) inspectMembers(ctx context.Context, name string, at *Location, inspection *Inspection) {
	names := builder.MemberNames(name, 1, false)
	if inspection.Connection != nil {
		names = inspection.Connection.Members
	}
	inspection.Members = make([]Condition, len(names))
	pods := make([]*corev1.Pod, len(names))
	looks := make([]func() error, len(names))
	for i, member := range names {
		looks[i] = func() error {
			pods[i], inspection.Members[i] = c.condition(ctx, name, member, at, inspection)
			return nil
		}
	}
	_ = kube.Together(looks...)
	for _, pod := range pods {
		if container := containerOf(pod); container != nil {
			inspection.Needs = needsOf(pod, container)
		}
	}
}

func (c *Client) condition(ctx context.Context, name, member string, at *Location, inspection *Inspection) (*corev1.Pod, Condition) {
	pod, err := at.pod, at.podErr
	if member != name {
		pod = &corev1.Pod{}
		err = c.Get(ctx, kube.KindPod, member, pod)
	}
	candidate := c.candidateOf(name, member, pod, err)
	var doubt *UnverifiedError
	switch {
	case err == nil && inspection.unmanaged:
		candidate = Candidate{Member: at.unmanaged(), Err: c.usable(name, pod)}
	case err == nil && inspection.Connection == nil && errors.As(inspection.ConnectionErr, &doubt):
		candidate.Err = doubt
	}
	condition := Condition{Member: candidate.Member, Err: candidate.Err}
	if err != nil {
		return nil, condition
	}
	if status := StatusOf(pod, condition.Container); status != nil {
		condition.LastEnd = c.lastEnd(status)
	}
	return pod, condition
}

// lastEnd is how the daemon's container ended before it was started again.
func (c *Client) lastEnd(status *corev1.ContainerStatus) string {
	last := status.LastTerminationState.Terminated
	if last == nil {
		return ""
	}
	text := fmt.Sprintf("%s (exit code %d)", last.Reason, last.ExitCode)
	if !last.FinishedAt.IsZero() {
		text += fmt.Sprintf(", %s ago", c.Now().Sub(last.FinishedAt.Time).Round(time.Second))
	}
	return text
}

func containerOf(pod *corev1.Pod) *corev1.Container {
	if pod == nil {
		return nil
	}
	return daemonContainer(pod)
}
