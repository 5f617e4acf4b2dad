// Package cluster finds builders: the member to build on and how to connect to it, all builders of
// a namespace, the states of Pods and nodes, what is wrong with a builder, and why one died.
//
// It changes nothing, reports typed facts (NotFoundError, NotReadyError …) and knows neither
// commands nor BuildKit.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/placement"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// Selection says which member of a builder is wanted.
type Selection struct {
	// Affinity is any text that stays the same for builds that share their cache, e.g. the
	// context's path.
	Affinity string
	// Adopt says that the user vouches for a Pod of the builder's name that nothing authenticates.
	Adopt bool
	// Pod is the only member that is wanted; empty is any.
	Pod string
	// Except are the UIDs of Pods that are not wanted.
	Except []string
}

// Location is what a builder's name leads to.
type Location struct {
	// Name is that of the builder.
	Name string
	// Connection is nil for an unmanaged builder, which is one Pod.
	Connection *Connection

	// pod is the Pod of the builder's own name, if podErr is nil.
	pod    *corev1.Pod
	podErr error
}

// Pods returns the names of the builder's Pods.
func (at *Location) Pods() []string {
	if at.Connection == nil {
		return []string{at.Name}
	}
	return at.Connection.Members
}

// unmanaged describes the Pod as the one member of a builder that nothing authenticates.
func (at *Location) unmanaged() Member {
	member := MemberOf(at.pod)
	member.Builder, member.Adopted = at.pod.Name, true
	return member
}

// Locate reads how to connect to a builder, and the Pod of its name, in one round trip.
func (c *Client) Locate(ctx context.Context, name string, adopt bool) (*Location, error) {
	if err := builder.ValidateName(name); err != nil {
		return nil, err
	}
	secret, at := &corev1.Secret{}, &Location{Name: name, pod: &corev1.Pod{}}
	var secretErr error
	_ = kube.Together(
		func() error {
			secretErr = c.Get(ctx, kube.KindSecret, builder.ClientSecretName(name), secret)
			return nil
		},
		func() error { at.podErr = c.Get(ctx, kube.KindPod, name, at.pod); return nil },
	)
	if err := c.identify(ctx, name, secret, secretErr, at, adopt); err != nil {
		return nil, err
	}
	return at, nil
}

// SideBySide is how many members of a builder are asked at the same time.
const SideBySide = 8

// Choose takes the first member that is up, in the order of the affinity. It reads their Pods side
// by side, in one round trip; the Pod of a builder that has one is known. The member of an
// unmanaged builder is Adopted; nothing authenticates that one.
func (c *Client) Choose(ctx context.Context, at *Location, wanted Selection) (Member, error) {
	if at.Connection == nil {
		return at.unmanaged(), c.WithProgress(ctx, c.usable(at.Name, at.pod))
	}
	pods := at.Pods()
	if wanted.Pod != "" {
		pods = []string{wanted.Pod}
	}
	first := error(nil)
	for some := range slices.Chunk(placement.Order(pods, wanted.Affinity), SideBySide) {
		for _, candidate := range c.candidates(ctx, at, some) {
			switch {
			case candidate.Exists() && slices.Contains(wanted.Except, candidate.Member.UID):
			case candidate.Err == nil:
				return candidate.Member, nil
			case first == nil:
				first = candidate.Err
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	if first == nil {
		first = c.noMembers(at.Name)
	}
	return Member{}, c.WithProgress(ctx, first)
}

// WithProgress adds to the error of a Pod that starts what its node did last, e.g. that it pulls
// the image.
func (c *Client) WithProgress(ctx context.Context, err error) error {
	var notReady *NotReadyError
	if !errors.As(err, &notReady) || !notReady.Starting || notReady.Message != "" || notReady.Pod == "" {
		return err
	}
	events := &corev1.EventList{}
	options := metav1.ListOptions{FieldSelector: "involvedObject.name=" + notReady.Pod}
	if c.ListObjects(ctx, kube.KindEvent, options, events) != nil {
		return err // a courtesy
	}
	var last metav1.Time
	for _, event := range events.Items {
		if at := LastSeen(&event); !at.Before(&last) {
			last, notReady.Message = at, LowerFirst(event.Message)
		}
	}
	return err
}

// LastSeen is when an event was last observed.
func LastSeen(event *corev1.Event) metav1.Time {
	switch {
	case event.Series != nil:
		return metav1.Time{Time: event.Series.LastObservedTime.Time}
	case !event.LastTimestamp.IsZero():
		return event.LastTimestamp
	case !event.EventTime.IsZero():
		return metav1.Time{Time: event.EventTime.Time}
	}
	return event.CreationTimestamp
}

// usable says why builds may not be sent to the Pod.
func (c *Client) usable(name string, pod *corev1.Pod) error {
	if pod.DeletionTimestamp != nil {
		return &TerminatingError{Name: name, Namespace: c.Namespace(), Pod: pod.Name}
	}
	state, ready := StateOf(pod)
	if ready {
		return nil
	}
	failure := &NotReadyError{
		Name: name, Namespace: c.Namespace(), Pod: pod.Name, Reason: state,
		Ended: pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded,
	}
	if trouble := StartProblemOf(pod); trouble != nil {
		failure.Reason, failure.Message = trouble.Reason, trouble.Message
		failure.Starting = trouble.Reason == ReasonUnassigned || trouble.Crashed && pod.Status.Phase == corev1.PodRunning // its kubelet starts it again
	} else {
		failure.Starting = pod.Status.Phase == corev1.PodPending || state == "NotReady"
	}
	return failure
}

// adoptable says why a Pod that install did not make can be no builder.
func (c *Client) adoptable(pod *corev1.Pod) error {
	if daemonContainer(pod) == nil {
		return &NotReadyError{
			Name: pod.Name, Namespace: c.Namespace(), Pod: pod.Name, Reason: "NoContainer",
			Message: "none of its containers is called " + builder.ContainerName + " or runs BuildKit's image",
		}
	}
	return nil
}

// NotFound says what there is instead, as far as one may ask: what is left of the builder, other
// builders, or not even the namespace.
func (c *Client) NotFound(ctx context.Context, name string) error {
	builders, _ := c.List(ctx, false) // without permission to list there are no others to name
	var others []string
	for _, other := range builders {
		if other.Ephemeral {
			continue // another build's
		}
		if other.Name == name && !other.Adopted {
			return c.withoutSecret(other)
		}
		others = append(others, other.Name)
	}
	if len(others) == 0 {
		err := c.Get(ctx, kube.KindNamespace, c.Namespace(), &corev1.Namespace{})
		if gone := (*kube.NamespaceNotFoundError)(nil); errors.As(err, &gone) || apierrors.IsNotFound(err) {
			return &kube.NamespaceNotFoundError{Namespace: c.Namespace()}
		}
	}
	return &NotFoundError{Name: name, Namespace: c.Namespace(), Others: others}
}

// withoutSecret is about a builder that has members, or should have them, and no client's Secret.
func (c *Client) withoutSecret(b Builder) error {
	ending := func(member Member) bool { return member.State == stateTerminating }
	if len(b.Members) > 0 && !slices.ContainsFunc(b.Members, func(m Member) bool { return !ending(m) }) {
		return &TerminatingError{Name: b.Name, Namespace: c.Namespace(), Pod: b.Members[0].Pod}
	}
	return c.noConnection(b.Name, b.Name)
}

func (c *Client) noConnection(name, pod string) error {
	return &NotReadyError{
		Name: name, Namespace: c.Namespace(), Pod: pod, Reason: ReasonNoConnection,
		Message: fmt.Sprintf("Secret %q is missing", builder.ClientSecretName(name)),
	}
}

// ConnectionOf reads a client's Secret.
func (c *Client) ConnectionOf(secret *corev1.Secret) (*Connection, error) {
	document, err := manifest.ReadConnection(secret)
	if err != nil {
		return nil, err
	}
	end, err := trust.End(document.Client.Certificate)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading Secret %q", secret.Name), err)
	}
	return &Connection{
		CA: document.CA, Client: document.Client, Former: document.Former, RegistryCA: document.RegistryCA,
		Members: document.Members, Expires: end, InsecureRegistries: document.InsecureRegistries, MaxBuilds: max(document.MaxBuilds, 0),
		Platforms: document.Platforms, now: c.Now,
	}, nil
}

// LowerFirst begins a sentence of the cluster's with a small letter, unless it begins with an
// abbreviation.
func LowerFirst(text string) string {
	if len(text) > 1 && text[1] >= 'a' && text[1] <= 'z' {
		return strings.ToLower(text[:1]) + text[1:]
	}
	return text
}

// Client finds builders in one namespace of one cluster.
type Client struct{ *kube.Client }

// New makes a Client for that namespace. It makes no request.
func New(config *rest.Config, namespace string) (*Client, error) {
	api, err := kube.New(config, namespace)
	if err != nil {
		return nil, err
	}
	return &Client{api}, nil
}
