package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// heldGrace is how long finalizers may keep an object that is deleted and not in use any more.
const heldGrace = 10 * time.Second

// reasonHeld is the trouble of a member whose former Pod finalizers keep.
const reasonHeld = "HeldByFinalizers"

// Held is an object that is deleted, and the finalizers that keep it.
type Held struct {
	kube.Reference
	Finalizers []string
}

// HeldError is returned when finalizers, which install never sets, keep objects that are deleted:
// the API server removes an object once its last finalizer is gone.
type HeldError struct {
	Namespace string
	Objects   []Held
}

func (e *HeldError) Error() string {
	texts := make([]string, 0, len(e.Objects))
	for _, each := range e.Objects {
		texts = append(texts, fmt.Sprintf("%s %q (finalizer %s)", each.Kind, each.Name, quoted(each.Finalizers)))
	}
	return fmt.Sprintf("finalizers of another program keep objects in namespace %q that are deleted: %s", e.Namespace, strings.Join(texts, ", "))
}

// Class returns fault.Failed.
func (*HeldError) Class() fault.Class { return fault.Failed }

func quoted(words []string) string {
	texts := make([]string, 0, len(words))
	for _, word := range words {
		texts = append(texts, fmt.Sprintf("%q", word))
	}
	return strings.Join(texts, ", ")
}

// heldPod reports whether finalizers alone keep a Pod: its kubelet has reported its end, or there
// was none to wait for.
func heldPod(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil && len(pod.Finalizers) > 0 &&
		pod.DeletionGracePeriodSeconds != nil && *pod.DeletionGracePeriodSeconds == 0
}

// heldError is the error of a Pod that finalizers keep.
func (c api) heldError(pod *corev1.Pod) *HeldError {
	reference := kube.Reference{Kind: kube.KindPod, Name: pod.Name}
	return &HeldError{Namespace: c.Namespace(), Objects: []Held{{reference, pod.Finalizers}}}
}

// holds are the timers of the Pods that finalizers keep. Each ends a wait.
type holds struct {
	timers map[types.UID]*time.Timer
	giveUp func(error)
}

// changed takes the state of a Pod.
func (h *holds) changed(c api, pod *corev1.Pod) {
	if h.timers[pod.UID] != nil || !heldPod(pod) {
		return
	}
	held := c.heldError(pod)
	h.timers[pod.UID] = time.AfterFunc(heldGrace, func() { h.giveUp(held) })
}

// gone takes the end of a Pod.
func (h *holds) gone(uid types.UID) {
	if timer := h.timers[uid]; timer != nil {
		timer.Stop()
		delete(h.timers, uid)
	}
}

// keptBy are the finalizers that keep an object once it is deleted: not those with which the
// cluster itself waits for the end of a claim's Pods.
func keptBy(object manifest.Object) []string {
	return slices.DeleteFunc(slices.Clone(object.GetFinalizers()), func(finalizer string) bool {
		return strings.HasPrefix(finalizer, "kubernetes.io/")
	})
}

// removed are the objects but the Pod, which is waited for by itself.
func (f *existing) removed() []heldObject {
	var found []heldObject
	f.each(func(kind string, object manifest.Object) {
		if kind != kube.KindPod {
			found = append(found, heldObject{kind, object})
		}
	})
	return found
}

// terminating are those of them that are being deleted.
func (f *existing) terminating() []heldObject {
	return slices.DeleteFunc(f.removed(), func(each heldObject) bool { return each.object.GetDeletionTimestamp() == nil })
}

// heldObject is an object that is being deleted, and its kind.
type heldObject struct {
	kind   string
	object manifest.Object
}

// awaitRemoved waits a moment for the end of objects that are deleted; of those without a finalizer
// it is known. One that stays is a *HeldError.
func (c api) awaitRemoved(ctx context.Context, objects []heldObject) error {
	objects = slices.DeleteFunc(objects, func(each heldObject) bool { return len(keptBy(each.object)) == 0 })
	for start := time.Now(); ; {
		held := &HeldError{Namespace: c.Namespace()}
		for _, each := range objects {
			reference, live := kube.Reference{Kind: each.kind, Name: each.object.GetName()}, kube.NewObject(each.kind)
			ok, err := c.GetIfExists(ctx, reference.Kind, reference.Name, live)
			if err != nil && !kube.IsForbidden(err) {
				return err
			}
			if ok && live.GetUID() == each.object.GetUID() && len(keptBy(live)) > 0 {
				held.Objects = append(held.Objects, Held{reference, keptBy(live)})
			}
		}
		if len(held.Objects) == 0 {
			return nil
		}
		if time.Since(start) >= heldGrace {
			return held
		}
		if err := kube.Pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}
