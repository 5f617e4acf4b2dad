package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// Inspection is a builder as far as the one who asks may see it.
type Inspection struct {
	// Connection is nil for an adopted builder, and when the Secret may not be read.
	Connection *Connection
	// ConnectionErr is why there is no Connection.
	ConnectionErr error
	// Members are the Pods that should be there.
	Members []Condition
	// Needs are what its members ask of a node; of a builder that is not there, the default one's.
	Needs Needs
}

// Condition is what a member's Pod tells.
type Condition struct {
	Member
	// Err is why it cannot take builds: a *NotReadyError, a *TerminatingError, or why it cannot be seen. A Pod that does
	// not exist is a *NotReadyError too.
	Err error
	// LastEnd is how the daemon ended the last time, e.g. "OOMKilled (exit code 137), 5m0s ago"; empty when it never did.
	LastEnd string
}

// Adopted says that the builder is a Pod which install did not make.
func (i *Inspection) Adopted() bool { return len(i.Members) == 1 && i.Members[0].Adopted }

// Names are the Pods' names.
func (i *Inspection) Names() []string {
	names := make([]string, 0, len(i.Members))
	for _, member := range i.Members {
		names = append(names, member.Pod)
	}
	return names
}

// Inspect looks at a builder and at each of its members. Unlike Resolve it does not stop at what is wrong: only a
// builder that does not exist is an error.
func (c *Client) Inspect(ctx context.Context, name string) (*Inspection, error) {
	if err := builder.ValidateName(name); err != nil {
		return nil, err
	}
	inspection := &Inspection{Needs: NeedsOf(builder.Spec{Name: name})}
	secret := &corev1.Secret{}
	missing := false
	if err := c.get(ctx, kindSecret, builder.ClientSecretName(name), secret); err != nil {
		inspection.ConnectionErr, missing = err, apierrors.IsNotFound(err)
	} else {
		inspection.Connection, inspection.ConnectionErr = connectionOf(secret)
	}
	names := builder.MemberNames(name, 1, false)
	if inspection.Connection != nil {
		names = inspection.Connection.Members
	}
	inspection.Members = make([]Condition, len(names))
	pods := make([]*corev1.Pod, len(names))
	looks := make([]func() error, len(names))
	for i, member := range names {
		looks[i] = func() error {
			pods[i], inspection.Members[i] = c.condition(ctx, name, member)
			return nil
		}
	}
	_ = together(looks...)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	for _, pod := range pods {
		if container := containerOf(pod); container != nil {
			inspection.Needs = needsOf(pod, container)
		}
	}
	if missing && len(names) == 1 && absent(inspection.Members[0].Err) {
		return inspection, c.notFound(ctx, name)
	}
	return inspection, nil
}

func (c *Client) condition(ctx context.Context, name, member string) (*corev1.Pod, Condition) {
	pod := &corev1.Pod{}
	err := c.get(ctx, kindPod, member, pod)
	candidate := c.candidateOf(name, member, pod, err)
	condition := Condition{Member: candidate.Member, Err: candidate.Err}
	if err != nil {
		return nil, condition
	}
	if status := statusOf(pod, condition.Container); status != nil {
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
		text += fmt.Sprintf(", %s ago", c.now().Sub(last.FinishedAt.Time).Round(time.Second))
	}
	return text
}

func containerOf(pod *corev1.Pod) *corev1.Container {
	if pod == nil {
		return nil
	}
	return daemonContainer(pod)
}

// absent says that a Pod does not exist.
func absent(err error) bool {
	var notReady *NotReadyError
	return errors.As(err, &notReady) && notReady.Reason == ReasonMissing
}
