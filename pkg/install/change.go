package install

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// Change is what install did to an object or to the builder as a whole.
type Change string

// What install can do to an object.
const (
	Created    Change = "created"
	Configured Change = "configured"
	Unchanged  Change = "unchanged"
	Replaced   Change = "replaced"
)

// record notes what was done to an object.
func (i *installation) record(object manifest.Object, change Change) {
	i.recording.Lock()
	defer i.recording.Unlock()
	reference := referenceTo(object)
	i.outcome.Changes[reference] = change
	if change != Unchanged {
		i.report(Event{Kind: EventApplied, Message: reference.String() + " " + string(change)})
	}
}

// change is what this install has to do to make the object what it shall be, decided before
// anything is written. What is right already is not written again: a policy may have rewritten it
// on its creation, and would not do so again.
func (i *installation) change(object manifest.Object) (Change, error) {
	existing := i.found.like(object)
	switch object := object.(type) {
	case *corev1.Pod:
		switch {
		case i.found.set != nil:
			return Replaced, nil
		case i.found.pod == nil:
			return Created, nil
		case i.mustGo(i.found.pod):
			return Replaced, nil
		}
		return Unchanged, nil
	case *appsv1.StatefulSet:
		set := i.found.set
		switch {
		case i.found.pod != nil:
			return Replaced, nil
		case set == nil:
			return Created, nil
		case sameHash(set, object) && *object.Spec.Replicas == desired(set):
			return Unchanged, nil
		}
		return Configured, nil
	}
	if existing == nil {
		return Created, nil
	}
	holds, err := manifest.Holds(existing, object)
	switch {
	case err != nil:
		return "", fmt.Errorf("comparing %s %q: %w", kindOf(object), object.GetName(), err)
	case holds && !i.found.absent():
		return Unchanged, nil
	}
	// Without members the builder is being made: perhaps by another run, which must see that this
	// one relies on it.
	return Configured, nil
}

// desired is how many members a StatefulSet shall have.
func desired(set *appsv1.StatefulSet) int32 {
	if set.Spec.Replicas == nil {
		return 1
	}
	return *set.Spec.Replicas
}

// sameHash reports whether a workload is what is wanted, whatever admission has made of it.
func sameHash(existing, wanted manifest.Object) bool {
	return existing.GetAnnotations()[builder.AnnotationSpec] == wanted.GetAnnotations()[builder.AnnotationSpec]
}

// mustGo says that a Pod cannot stay: it has ended, is terminating, was started with something
// else, or is out of reach.
func (i *installation) mustGo(pod *corev1.Pod) bool {
	return hasEnded(pod) || pod.DeletionTimestamp != nil || !sameHash(pod, i.objects.Pod) || i.rotation.restarts(pod)
}

func hasEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

func kindOf(object manifest.Object) string { return object.GetObjectKind().GroupVersionKind().Kind }

// mark notes on the object which run writes it.
func (i *installation) mark(object manifest.Object) {
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[builder.AnnotationRun] = i.id
	object.SetAnnotations(annotations)
}
