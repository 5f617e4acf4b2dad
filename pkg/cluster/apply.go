package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// attempts is how often a step starts over because somebody else changed an object in between.
const attempts = 5

// preflight asks the server whether it would accept a member, so that Pod Security, a quota or a webhook speaks up
// before anything is made. A StatefulSet would otherwise be accepted and stay empty.
func (i *installation) preflight(ctx context.Context) error {
	pod := i.objects.Pod.DeepCopy()
	fresh := i.found.pod == nil && i.found.set == nil
	if !fresh {
		// The name is taken, by the one that this Pod may replace.
		pod.Name += "-preflight"
	}
	err := i.tryCreate(ctx, pod)
	if refused := (&RefusedError{}); errors.As(err, &refused) {
		if !fresh && refused.By == "the quota" {
			// It counts the Pod that is there now.
			return nil
		}
		refused.Name = i.objects.Pod.Name
	}
	if apierrors.IsAlreadyExists(err) {
		// Another install was faster; applying will see.
		return nil
	}
	return err
}

// tryCreate asks again for a while in a namespace so new that its service account is still being made.
func (i *installation) tryCreate(ctx context.Context, pod *corev1.Pod) error {
	for range 25 {
		err := i.create(ctx, pod.DeepCopy(), true)
		if err == nil || !strings.Contains(err.Error(), "error looking up service account") || i.spec.ServiceAccount != "" {
			return err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return i.create(ctx, pod.DeepCopy(), true)
}

// rehearse applies everything without effect. A Pod cannot be changed, so the server judges a replacement as new.
func (i *installation) rehearse(ctx context.Context) error {
	for _, object := range i.objects.All() {
		if pod, ok := object.(*corev1.Pod); ok && i.found.pod != nil && !unchanged(i.found.pod, pod) {
			i.outcome.Change = Replaced
			i.record(pod, Replaced)
			continue
		}
		created, err := i.apply(ctx, object, true)
		if err != nil {
			return err
		}
		change := i.found.change(created, object)
		i.record(object, change)
		if object == i.objects.Workload {
			i.outcome.Change = change
		}
	}
	i.outcome.Objects = i.objects.All()
	return nil
}

// unchanged says that the Pod was started with what is wanted now.
func unchanged(pod, wanted *corev1.Pod) bool {
	return pod.Annotations[builder.AnnotationSpec] == wanted.Annotations[builder.AnnotationSpec]
}

// establishTrust writes the server's Secret. Its creation decides between two installs at once: the slower one takes
// over the certificates of the faster, so that the two sides never hold certificates of different origin.
func (i *installation) establishTrust(ctx context.Context) error {
	for range attempts {
		err := i.writeTrust(ctx)
		if !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) {
			return err
		}
		secret := &corev1.Secret{}
		ok, err := i.look(ctx, kindSecret, builder.ServerSecretName(i.spec.Name), secret)
		if err != nil {
			return err
		}
		i.found.server = only(ok, secret)
		if err := i.found.foreign(i.namespace); err != nil {
			return err
		}
		if err := i.describe(); err != nil {
			return err
		}
	}
	return fmt.Errorf("writing Secret %q: somebody else keeps changing it", builder.ServerSecretName(i.spec.Name))
}

func (i *installation) writeTrust(ctx context.Context) error {
	secret := i.objects.Server.DeepCopy()
	switch {
	case i.found.server == nil:
		if err := i.create(ctx, secret, false); err != nil {
			return err
		}
		i.record(secret, Created)
	case i.outcome.Renewed:
		secret.ResourceVersion = i.found.server.ResourceVersion
		if err := i.replace(ctx, secret); err != nil {
			return err
		}
		i.record(secret, Configured)
	default:
		if _, err := i.apply(ctx, secret, false); err != nil {
			return err
		}
		i.record(secret, i.found.change(false, secret))
	}
	i.objects.Server = secret
	return nil
}

// applySupport writes what is neither the server's Secret nor the members: all at once.
func (i *installation) applySupport(ctx context.Context) error {
	objects := append([]manifest.Object{i.objects.Client}, i.objects.Support...)
	changes := make([]Change, len(objects))
	functions := make([]func() error, 0, len(objects))
	for n, object := range objects {
		kind := object.GetObjectKind().GroupVersionKind().Kind
		functions = append(functions, func() error {
			created, err := i.apply(ctx, object, false)
			if isForbidden(err) && kind == kindRole {
				i.report(Event{Kind: EventWarning, Reason: "Forbidden", Message: fmt.Sprintf(
					"%v: the Role for the people who build is left out", err)})
				return nil
			}
			if err == nil {
				changes[n] = i.found.change(created, object)
			}
			return err
		})
	}
	err := together(functions...)
	for n, object := range objects {
		if changes[n] != "" {
			i.record(object, changes[n])
		}
	}
	i.outcome.Objects = slices.Concat([]manifest.Object{i.objects.Server}, objects)
	return err
}
