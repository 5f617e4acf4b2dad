package install

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// renewed returns the certificates if they are good, else new ones that keep what running members
// accept as their Former.
func renewed(now time.Time, name string, before *trust.Certificates) (certificates *trust.Certificates, issued bool, err error) {
	if before.Check(now) == nil {
		return before, false, nil
	}
	certificates, err = trust.Issue(now, name)
	if err == nil {
		certificates.Former = before.Predecessor(now)
	}
	return certificates, true, err
}

// certificates are those that exist if they are good, else new ones; to rotate, new ones anyway.
func (i *installation) certificates(ctx context.Context) (certificates *trust.Certificates, issued bool, err error) {
	if !i.options.Rotate || i.restoring != nil || i.unproven != nil || i.found.server == nil || i.found.client == nil || i.found.workload() == nil {
		return i.found.certificates(i.api.Now(), i.name, i.unproven == nil)
	}
	before := manifest.Certificates(i.found.server)
	former, mixed, err := i.held(ctx, before)
	if err != nil {
		return nil, false, err
	}
	if i.mixed = mixed; mixed {
		i.report(Event{Kind: EventWarning, Message: "another rotation of the certificates has not ended: it is finished first"})
		return i.found.certificates(i.api.Now(), i.name, true)
	}
	if certificates, err = trust.Issue(i.api.Now(), i.name); err != nil {
		return nil, false, err
	}
	certificates.Former = former
	return certificates, true, nil
}

// held is the client's identity that the members accept now, of those that are there: after a
// renewal, running members keep the former. Mixed reports that some accept the one and some the
// other, of which a third generation would lock some out.
func (i *installation) held(ctx context.Context, before *trust.Certificates) (former *trust.Identity, mixed bool, err error) {
	if before.Former == nil {
		return before.Predecessor(i.api.Now()), false, nil
	}
	if i.options.Probe == nil {
		if i.found.started()[builder.AnnotationTrust] == before.Fingerprint() {
			return before.Predecessor(i.api.Now()), false, nil
		}
		return before.Former, false, nil
	}
	client := i.found.client.DeepCopy()
	manifest.SetCertificates(nil, client, before)
	_, holds, err := i.holdings(ctx, client)
	if err != nil {
		return nil, false, err
	}
	old, current := slices.Contains(holds, holdsFormer), slices.Contains(holds, holdsCurrent)
	if old && !current {
		return before.Former, false, nil
	}
	return before.Predecessor(i.api.Now()), old && current, nil
}

// Renew issues the builder's certificates anew if they are near their end, and returns how to
// connect with them. It writes the two Secrets and nothing else: members take the new certificates
// when they are restarted, and until then accept the former ones, which the client's Secret keeps.
// Both writes carry the version that was read, so that of several renewals at once one wins and the
// others follow it.
//
// It needs the permission to get and update the two Secrets; without it, that is a *ForbiddenError.
func Renew(ctx context.Context, c *cluster.Client, name string) (*cluster.Connection, error) {
	for range kube.Attempts {
		client, err := api{c}.renewOnce(ctx, name)
		if err == nil {
			return c.ConnectionOf(client)
		}
		if !apierrors.IsConflict(err) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("renewing the certificates of builder %q: too many conflicting updates", name)
}

func (c api) renewOnce(ctx context.Context, name string) (*corev1.Secret, error) {
	server, client := &corev1.Secret{}, &corev1.Secret{}
	err := kube.Together(
		func() error { return c.Get(ctx, kube.KindSecret, builder.ServerSecretName(name), server) },
		func() error { return c.Get(ctx, kube.KindSecret, builder.ClientSecretName(name), client) },
	)
	if err != nil {
		return nil, err
	}
	for _, secret := range []*corev1.Secret{server, client} {
		if !isOf(secret, name) {
			return nil, &ForeignError{Kind: kube.KindSecret, Name: secret.Name, Namespace: c.Namespace(), Builder: name}
		}
		secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kube.KindSecret))
	}
	certificates, issued, err := renewed(c.Now(), name, manifest.Certificates(server))
	if err != nil {
		return nil, err
	}
	manifest.SetCertificates(server, client, certificates)
	if issued {
		if err := c.Update(ctx, server, false); err != nil {
			return nil, err
		}
	}
	return client, c.Update(ctx, client, false)
}

// forgetFormer removes the former certificates once every member has the new ones: none accepts the
// former any more. Where it fails they stay until the next install, or until they end.
func (i *installation) forgetFormer(ctx context.Context) error {
	certificates := manifest.Certificates(i.objects.Server)
	if certificates.Former == nil {
		return nil
	}
	certificates.Former = nil
	server, client := i.objects.Server.DeepCopy(), i.objects.Client.DeepCopy()
	manifest.SetCertificates(server, client, certificates)
	err := kube.Together(
		func() error { return i.api.Update(ctx, server, false) },
		func() error { return i.api.Update(ctx, client, false) },
	)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		i.report(Event{Kind: EventWarning, Message: fmt.Sprintf("the former certificates were not removed: %v", err)})
		return nil
	}
	i.objects.Server, i.objects.Client = server, client
	i.outcome.Connection.Former = nil
	return nil
}
