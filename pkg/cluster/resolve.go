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
	if err := builder.ValidateName(name); err != nil {
		return Member{}, nil, err
	}
	secret, pod := &corev1.Secret{}, &corev1.Pod{}
	var secretErr, podErr error
	_ = together(
		func() error { secretErr = c.get(ctx, kindSecret, builder.ClientSecretName(name), secret); return nil },
		func() error { podErr = c.get(ctx, kindPod, name, pod); return nil },
	)
	if podErr == nil && !ours(pod.Labels) {
		return c.adopt(pod)
	}
	switch {
	case apierrors.IsNotFound(secretErr) && apierrors.IsNotFound(podErr):
		return Member{}, nil, c.notFound(ctx, name)
	case apierrors.IsNotFound(secretErr) && podErr == nil:
		return Member{}, nil, &NotReadyError{
			Name: name, Namespace: c.namespace, Pod: name, Reason: "NoConnection",
			Message: fmt.Sprintf("Secret %q is missing", builder.ClientSecretName(name)),
		}
	case secretErr != nil:
		return Member{}, nil, secretErr
	}
	connection, err := connectionOf(secret)
	if err != nil {
		return Member{}, nil, err
	}
	if !c.now().Before(connection.Expires) {
		_, err := connection.TLS(c.now())
		return Member{}, nil, &ExpiredError{Name: name, Namespace: c.namespace, Err: err}
	}
	member, err := c.choose(ctx, name, connection.Members, affinity, pod, podErr)
	return member, connection, err
}

// choose takes the first member that is up, in the order of the affinity. The Pod of the builder's own name is known.
func (c *Client) choose(
	ctx context.Context, name string, members []string, affinity string, known *corev1.Pod, knownErr error,
) (Member, error) {
	var first error
	for _, candidate := range ranked(members, affinity) {
		pod, err := known, knownErr
		if candidate != name {
			pod = &corev1.Pod{}
			err = c.get(ctx, kindPod, candidate, pod)
		}
		if err == nil {
			err = c.usable(name, pod)
		} else if apierrors.IsNotFound(err) {
			err = &NotReadyError{
				Name: name, Namespace: c.namespace, Pod: candidate, Reason: "Missing",
				Message: fmt.Sprintf("Pod %q does not exist", candidate),
			}
		}
		if err == nil {
			return memberOf(pod), nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if first == nil {
		first = &NotReadyError{Name: name, Namespace: c.namespace, Reason: "NoMembers", Message: "it has no members"}
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
	} else {
		failure.Starting = pod.Status.Phase == corev1.PodPending || state == "NotReady"
	}
	return failure
}

// adopt takes a Pod that install did not make.
func (c *Client) adopt(pod *corev1.Pod) (Member, *Connection, error) {
	if daemonContainer(pod) == nil {
		return Member{}, nil, &NotReadyError{
			Name: pod.Name, Namespace: c.namespace, Pod: pod.Name, Reason: "NoContainer",
			Message: "none of its containers is called " + builder.ContainerName + " or runs BuildKit's image",
		}
	}
	return memberOf(pod), nil, c.usable(pod.Name, pod)
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
