package install

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// dryRun asks the server about every object that is to be written, without effect: Pod Security, a
// quota, a webhook, a missing permission or a field that cannot change speak up before anything is
// made.
func (i *installation) dryRun(ctx context.Context) error {
	objects := i.objects.All()
	changes := make([]Change, len(objects))
	asks := []func() error{func() error { return i.admission(ctx) }}
	for n, object := range objects {
		change, err := i.change(object)
		if err != nil {
			return err
		}
		changes[n] = change
		if change != Unchanged && object != i.objects.Workload {
			asks = append(asks, func() error { return i.tryApply(ctx, object) })
		}
	}
	asks = append(asks, func() error { return i.tryWorkload(ctx) })
	if err := kube.Together(asks...); err != nil {
		return err
	}
	i.changes = map[kube.Reference]Change{}
	for n, object := range objects {
		i.changes[referenceTo(object)] = changes[n]
	}
	i.outcome.Change = changes[len(changes)-1]
	return nil
}

// tryApply is the rehearsal of an object that is not a workload. The installing user may not be
// allowed to make roles.
func (i *installation) tryApply(ctx context.Context, object manifest.Object) error {
	trial, err := copyOf(object)
	if err != nil {
		return err
	}
	err = i.put(ctx, trial, i.found.like(object), true)
	if kindOf(object) == kube.KindRole && (kube.IsForbidden(err) || kube.IsConflict(err) && i.found.role == nil) {
		i.withoutRole = err // a Role that the user may not read may be another's
		return nil
	}
	return err
}

// put writes an object that is not a workload. The settings and the server's Secret are not
// applied: of two installs at once, only one creates them, or overwrites what both have read. The
// other starts over with what it has written.
func (i *installation) put(ctx context.Context, object, existing manifest.Object, dryRun bool) error {
	name, created := object.GetName(), true
	var err error
	switch decides := name == builder.ServerSecretName(i.name) || name == builder.ConfigName(i.name); {
	case decides && existing == nil:
		err = i.api.Create(ctx, object, dryRun)
	case decides:
		object.SetUID(existing.GetUID())
		object.SetResourceVersion(existing.GetResourceVersion())
		err = i.api.Update(ctx, object, dryRun)
	default:
		created, err = i.api.Apply(ctx, object, existing, dryRun)
	}
	if err == nil && existing == nil && !created {
		return &kube.ConflictError{Kind: kindOf(object), Name: name, Namespace: i.api.Namespace()}
	}
	return meanwhile(err, object, i.api.Namespace())
}

// admission asks whether the server would accept a member. A StatefulSet would otherwise be
// accepted and stay empty.
func (i *installation) admission(ctx context.Context) error {
	if change, err := i.change(i.objects.Workload); err != nil || change == Unchanged {
		return err
	}
	pod := i.objects.Pod.DeepCopy()
	fresh := i.found.pod == nil && i.found.set == nil && len(i.found.orphans) == 0
	if !fresh {
		// The name is taken, by the one that this Pod may replace.
		pod.Name += "-preflight"
	}
	_, err := i.api.TryPod(ctx, pod)
	if refused := kube.AsAdmission(err); refused != nil {
		refused.Takes, refused.Frees = kube.Usage(pod.Spec), i.frees()
		if fitsThen(refused) {
			return nil
		}
		refused.Name = i.objects.Pod.Name
	}
	if apierrors.IsAlreadyExists(err) {
		return &kube.ConflictError{Kind: kube.KindPod, Name: pod.Name, Namespace: i.api.Namespace()}
	}
	return err
}

// write makes the objects what they shall be. The settings come first and the server's Secret
// second: its creation decides between two installs at once, and the slower one starts over with
// the certificates of the faster, so that the two sides never hold certificates of different
// origin.
func (i *installation) write(ctx context.Context) error {
	i.wrote = true
	if err := i.removeBudget(ctx); err != nil {
		return err
	}
	if err := i.writeOne(ctx, i.objects.Config()); err != nil {
		return err
	}
	if err := i.writeOne(ctx, i.objects.Server); err != nil {
		return err
	}
	writes := []func() error{func() error { return i.writeOne(ctx, i.objects.Client) }}
	for _, object := range i.objects.Support {
		if object == i.objects.Config() {
			continue
		}
		if i.withoutRole != nil && kindOf(object) == kube.KindRole {
			i.report(Event{Kind: EventWarning, Reason: "Forbidden", Message: fmt.Sprintf(
				"%v: the Role for the people who build is left out", i.withoutRole)})
			continue
		}
		writes = append(writes, func() error { return i.writeOne(ctx, object) })
	}
	if err := kube.Together(writes...); err != nil {
		return err
	}
	if err := i.writeWorkload(ctx); err != nil {
		return err
	}
	var err error
	i.outcome.Objects = i.written()
	i.outcome.Connection, err = i.api.ConnectionOf(i.objects.Client)
	return err
}

// writeOne writes an object that is not a workload, if it needs to be.
func (i *installation) writeOne(ctx context.Context, object manifest.Object) error {
	reference := referenceTo(object)
	change, existing := i.changes[reference], i.found.like(object)
	if change == Unchanged {
		object.SetUID(existing.GetUID())
		object.SetResourceVersion(existing.GetResourceVersion())
		i.record(object, Unchanged)
		return nil
	}
	i.mark(object)
	existing, err := i.withoutForeignData(ctx, object, existing)
	if err != nil {
		return meanwhile(err, object, i.api.Namespace())
	}
	if err := i.put(ctx, object, existing, false); err != nil {
		return err
	}
	i.record(object, change)
	return nil
}

// withoutForeignData removes what the client's Secret holds besides: to apply leaves the keys of
// others in it, and a client would trust, e.g., a certificate there.
func (i *installation) withoutForeignData(ctx context.Context, object, existing manifest.Object) (manifest.Object, error) {
	live, _ := existing.(*corev1.Secret)
	if live == nil || object != manifest.Object(i.objects.Client) || hasAll(i.objects.Client.Data, live.Data) {
		return existing, nil
	}
	cleared := live.DeepCopy()
	cleared.Data = i.objects.Client.Data
	cleared.SetGroupVersionKind(object.GetObjectKind().GroupVersionKind())
	return cleared, i.api.Update(ctx, cleared, false)
}

// hasAll reports whether wanted has every key of the other map.
func hasAll[V any](wanted, other map[string]V) bool {
	for key := range other {
		if _, ok := wanted[key]; !ok {
			return false
		}
	}
	return true
}

// meanwhile makes a *ConflictError of the server's word that an object is not what was read.
func meanwhile(err error, object manifest.Object, namespace string) error {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return &kube.ConflictError{Kind: kindOf(object), Name: object.GetName(), Namespace: namespace}
	}
	return err
}

func copyOf(object manifest.Object) (manifest.Object, error) {
	if same, ok := object.DeepCopyObject().(manifest.Object); ok {
		return same, nil
	}
	return nil, fmt.Errorf("copying %s %q", kindOf(object), object.GetName())
}

func referenceTo(object manifest.Object) kube.Reference {
	return kube.Reference{Kind: kindOf(object), Name: object.GetName()}
}

// written are the objects of this install, the server's Secret first.
func (i *installation) written() []manifest.Object {
	return slices.DeleteFunc(i.objects.All(), func(object manifest.Object) bool {
		return i.withoutRole != nil && kindOf(object) == kube.KindRole
	})
}

// Admits asks the server, without effect, whether a member of such a builder could be created now.
// It returns a *kube.AdmissionError when Pod Security, a quota or a webhook says no.
func Admits(ctx context.Context, c *cluster.Client, spec builder.Spec) error {
	spec.Namespace = c.Namespace()
	spec = spec.WithDefaults()
	i := &installation{api: api{c}, spec: spec, found: &existing{}}
	if err := i.render(ctx); err != nil {
		return err
	}
	pod := i.objects.Pod.DeepCopy()
	pod.Name += "-preflight" // the name itself may be taken
	_, err := i.api.TryPod(ctx, pod)
	return err
}
