package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// Doubt is why a Pod of a builder's name is not used: it may be the builder, or another's Pod that
// took its name.
type Doubt string

// What is known of the Secret with the builder's certificates.
const (
	// DoubtCertificates is a builder that has certificates, and a Pod of its name that install did
	// not make.
	DoubtCertificates Doubt = "certificates"
	// DoubtOtherSecret is a Secret of that name which holds no builder's certificates.
	DoubtOtherSecret Doubt = "other secret"
	// DoubtUnreadable is a Secret that the user may not read.
	DoubtUnreadable Doubt = "unreadable"
)

// UnverifiedError is returned for a Pod of a builder's name that nothing authenticates, where it is
// not certain that the builder has no certificates.
type UnverifiedError struct {
	Name, Namespace, Pod string
	// Secret is where the builder's certificates would be.
	Secret string
	Doubt  Doubt
	// Err is the API server's answer, of DoubtUnreadable.
	Err error
}

func (e *UnverifiedError) Error() string {
	pod := fmt.Sprintf("Pod %q in namespace %q", e.Pod, e.Namespace)
	switch e.Doubt {
	case DoubtCertificates:
		return fmt.Sprintf("%s was not made by install, though Secret %q holds certificates of builder %q: it may be another's Pod, so nothing is sent to it",
			pod, e.Secret, e.Name)
	case DoubtOtherSecret:
		return fmt.Sprintf("%s was not made by install, and Secret %q is not one of install's: nothing authenticates the Pod", pod, e.Secret)
	default:
		return fmt.Sprintf("%s was not made by install, and Secret %q cannot be read, so it is unknown whether the builder has certificates: %v",
			pod, e.Secret, e.Err)
	}
}

func (e *UnverifiedError) Unwrap() error { return e.Err }

// Class returns fault.Denied where the user may not read the Secret, else fault.Unavailable.
func (e *UnverifiedError) Class() fault.Class {
	if e.Doubt == DoubtUnreadable {
		return fault.Denied
	}
	return fault.Unavailable
}

// UntrustedError is returned for a member that does not have the certificates of its builder.
type UntrustedError struct {
	Member Member
	Err    error // why the handshake failed
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("Pod %q in namespace %q does not have the certificates of builder %q (Secret %q), so nothing was sent to it: %v",
		e.Member.Pod, e.Member.Namespace, e.Member.Builder, builder.ClientSecretName(e.Member.Builder), e.Err)
}

func (e *UntrustedError) Unwrap() error { return e.Err }

// Class returns fault.Unavailable.
func (*UntrustedError) Class() fault.Class { return fault.Unavailable }

// Permanent reports that the daemon would have to be restarted.
func (e *UntrustedError) Permanent() bool { return true }

// Untrusted returns what it means that the TLS handshake with a member failed: an *ExpiredError if
// its certificate has ended, else an *UntrustedError.
func (c *Client) Untrusted(member Member, err error) error {
	if end, ended := trust.PeerEnd(err, c.Now()); ended {
		return &ExpiredError{
			Name: member.Builder, Namespace: member.Namespace, Pod: member.Pod, End: end, Skew: c.Skew(), Err: err,
		}
	}
	return &UntrustedError{Member: member, Err: err}
}

// identify decides how the daemon is known: by its certificates wherever there are any. Without
// authentication it is used in two cases only, and then at.Connection stays nil: its Secret
// certainly does not exist and install did not make the Pod; or the user vouches for the Pod
// (adopt) and no certificates can be read. Labels and owners never prove anything, since the
// creator of a Pod writes them.
func (c *Client) identify(ctx context.Context, name string, secret *corev1.Secret, secretErr error, at *Location, adopt bool) error {
	exists := at.podErr == nil
	foreign := exists && !IsManaged(at.pod.Labels)
	another := exists && MemberOf(at.pod).Builder != name // the name is that of another builder's member
	switch {
	case secretErr == nil && manifest.HasConnection(secret):
		if foreign {
			return c.unverified(name, at.pod.Name, DoubtCertificates, nil)
		}
		return c.certified(name, secret, at)
	case exists && !another && adopt && (secretErr == nil || apierrors.IsNotFound(secretErr) || kube.IsForeign(secretErr) || kube.IsForbidden(secretErr)):
		return c.adoptable(at.pod)
	case secretErr == nil && foreign:
		return c.unverified(name, at.pod.Name, DoubtOtherSecret, nil)
	case secretErr == nil && apierrors.IsNotFound(at.podErr):
		return c.NotFound(ctx, name)
	case secretErr == nil && at.podErr != nil:
		return at.podErr
	case kube.CertainlyAbsent(secretErr), secretErr == nil:
		return c.uncertified(ctx, name, at, another)
	case kube.IsForbidden(secretErr) && foreign:
		return c.unverified(name, at.pod.Name, DoubtUnreadable, secretErr)
	}
	return secretErr
}

// certified reads how to connect with the builder's certificates.
func (c *Client) certified(name string, secret *corev1.Secret, at *Location) error {
	connection, err := c.ConnectionOf(secret)
	if err != nil {
		return err
	}
	if _, err := connection.TLS(); err != nil {
		return &ExpiredError{Name: name, Namespace: c.Namespace(), Skew: c.Skew(), Err: err}
	}
	at.Connection = connection
	return nil
}

// uncertified is about a builder that certainly has no Secret.
func (c *Client) uncertified(ctx context.Context, name string, at *Location, another bool) error {
	switch {
	case apierrors.IsNotFound(at.podErr), another:
		return c.NotFound(ctx, name)
	case at.podErr != nil:
		return at.podErr
	case !IsManaged(at.pod.Labels):
		return c.adoptable(at.pod)
	case at.pod.DeletionTimestamp != nil:
		return &TerminatingError{Name: name, Namespace: c.Namespace(), Pod: name}
	}
	return c.noConnection(name, name)
}

func (c *Client) unverified(name, pod string, doubt Doubt, err error) error {
	return &UnverifiedError{
		Name: name, Namespace: c.Namespace(), Pod: pod, Secret: builder.ClientSecretName(name), Doubt: doubt, Err: err,
	}
}
