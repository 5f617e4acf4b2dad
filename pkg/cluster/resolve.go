package cluster

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// Resolve finds the member to build on, and how to connect to it. The affinity is any text that stays the same for
// builds that share their cache, e.g. the context's path. The Connection is nil for an adopted builder.
//
// A builder of one Pod takes one round trip, and so does an adopted one; several members take two, and one more for
// every member that is not up.
func (c *Client) Resolve(ctx context.Context, name, affinity string) (Member, *Connection, error) {
	at, err := c.locate(ctx, name)
	if err != nil {
		return Member{}, nil, err
	}
	if at.connection == nil {
		return memberOf(at.pod), nil, c.usable(name, at.pod)
	}
	member, err := c.choose(ctx, name, affinity, at)
	return member, at.connection, err
}

// location is what a builder's name leads to.
type location struct {
	// connection is nil for an adopted builder, which is the Pod.
	connection *Connection
	// pod is the Pod of the builder's own name, if podErr is nil.
	pod    *corev1.Pod
	podErr error
}

// locate reads how to connect to a builder, and the Pod of its name, in one round trip.
func (c *Client) locate(ctx context.Context, name string) (*location, error) {
	if err := builder.ValidateName(name); err != nil {
		return nil, err
	}
	secret, at := &corev1.Secret{}, &location{pod: &corev1.Pod{}}
	var secretErr error
	_ = together(
		func() error { secretErr = c.get(ctx, kindSecret, builder.ClientSecretName(name), secret); return nil },
		func() error { at.podErr = c.get(ctx, kindPod, name, at.pod); return nil },
	)
	if at.podErr == nil && !ours(at.pod.Labels) {
		return at, c.adoptable(at.pod)
	}
	another := at.podErr == nil && memberOf(at.pod).Builder != name // the name is a member's
	switch {
	case apierrors.IsNotFound(secretErr) && (apierrors.IsNotFound(at.podErr) || another):
		return nil, c.notFound(ctx, name)
	case apierrors.IsNotFound(secretErr) && at.podErr == nil:
		return nil, &NotReadyError{
			Name: name, Namespace: c.namespace, Pod: name, Reason: "NoConnection",
			Message: fmt.Sprintf("Secret %q is missing", builder.ClientSecretName(name)),
		}
	case secretErr != nil:
		return nil, secretErr
	}
	connection, err := connectionOf(secret)
	if err != nil {
		return nil, err
	}
	if !c.now().Before(connection.Expires) {
		_, err := connection.TLS(c.now())
		return nil, &ExpiredError{Name: name, Namespace: c.namespace, Err: err}
	}
	at.connection = connection
	return at, nil
}

// choose takes the first member that is up, in the order of the affinity.
func (c *Client) choose(ctx context.Context, name, affinity string, at *location) (Member, error) {
	first := error(nil)
	for _, pod := range ranked(at.connection.Members, affinity) {
		candidate := c.candidate(ctx, name, pod, at)
		if candidate.Err == nil {
			return candidate.Member, nil
		}
		if first == nil {
			first = candidate.Err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if first == nil {
		first = c.noMembers(name)
	}
	return Member{}, first
}

// usable says why builds may not be sent to the Pod.
func (c *Client) usable(name string, pod *corev1.Pod) error {
	if pod.DeletionTimestamp != nil {
		return &TerminatingError{Name: name, Namespace: c.namespace, Pod: pod.Name}
	}
	state, ready := stateOf(pod)
	if ready {
		return nil
	}
	failure := &NotReadyError{Name: name, Namespace: c.namespace, Pod: pod.Name, Reason: state}
	if trouble := troubleOf(pod); trouble != nil {
		failure.Reason, failure.Message = trouble.reason, trouble.message
		failure.Starting = trouble.crashed && pod.Status.Phase == corev1.PodRunning // its kubelet starts it again
	} else {
		failure.Starting = pod.Status.Phase == corev1.PodPending || state == "NotReady"
	}
	return failure
}

// adoptable says why a Pod that install did not make can be no builder.
func (c *Client) adoptable(pod *corev1.Pod) error {
	if daemonContainer(pod) == nil {
		return &NotReadyError{
			Name: pod.Name, Namespace: c.namespace, Pod: pod.Name, Reason: "NoContainer",
			Message: "none of its containers is called " + builder.ContainerName + " or runs BuildKit's image",
		}
	}
	return nil
}

// notFound says what there is instead: other builders, or not even the namespace, as far as one may ask.
func (c *Client) notFound(ctx context.Context, name string) error {
	others := c.others(ctx)
	if len(others) == 0 {
		err := c.api.Get().AbsPath("/api/v1/namespaces").Name(c.namespace).Do(ctx).Error()
		if apierrors.IsNotFound(err) {
			return &NamespaceNotFoundError{Namespace: c.namespace}
		}
	}
	return &NotFoundError{Name: name, Namespace: c.namespace, Others: others}
}

// others are the names of the builders in the namespace; none when listing is not permitted.
func (c *Client) others(ctx context.Context) []string {
	builders, err := c.List(ctx, false)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(builders))
	for _, other := range builders {
		names = append(names, other.Name)
	}
	return names
}

// ranked orders members by rendezvous hashing: the same text prefers the same member, and when one goes, only its own
// builds move.
func ranked(members []string, affinity string) []string {
	weight := func(member string) uint64 {
		hash := fnv.New64a()
		// A hash never refuses a write.
		_, _ = hash.Write([]byte(affinity + "\x00" + member))
		// FNV alone spreads the last bytes badly; this is the finisher of MurmurHash3.
		sum := hash.Sum64()
		sum ^= sum >> 33
		sum *= 0xff51afd7ed558ccd
		sum ^= sum >> 33
		return sum
	}
	order := slices.Clone(members)
	slices.SortStableFunc(order, func(a, b string) int {
		if weight(a) > weight(b) {
			return -1
		}
		return 1
	})
	return order
}

// connectionOf reads a client's Secret.
func connectionOf(secret *corev1.Secret) (*Connection, error) {
	document, err := manifest.ReadConnection(secret)
	if err != nil {
		return nil, err
	}
	end, err := trust.End(document.Client.Certificate)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading Secret %q", secret.Name), err)
	}
	return &Connection{
		CA: document.CA, Client: document.Client, RegistryCA: document.RegistryCA, Members: document.Members, Expires: end,
		InsecureRegistries: document.InsecureRegistries,
	}, nil
}
