package install

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// member reports whether a Pod is one of the builder that was found. Labels alone do not make it
// one: others can set them.
func (f *existing) member(pod *corev1.Pod) bool {
	if f.pod != nil && pod.UID == f.pod.UID {
		return true
	}
	orphan := func(other *corev1.Pod) bool { return other.UID == pod.UID }
	return f.set != nil && ownedBy(pod, f.set.UID) || slices.ContainsFunc(f.orphans, orphan)
}

func ownedBy(pod *corev1.Pod, uid types.UID) bool {
	for _, owner := range pod.OwnerReferences {
		if owner.UID == uid && owner.Controller != nil && *owner.Controller {
			return true
		}
	}
	return false
}

// membersOf lists the Pods with the builder's labels that are its members.
func (c api) membersOf(ctx context.Context, name string, member func(*corev1.Pod) bool) ([]*corev1.Pod, error) {
	pods := &corev1.PodList{}
	if err := c.ListObjects(ctx, kube.KindPod, selecting(name), pods); err != nil {
		return nil, err
	}
	var members []*corev1.Pod
	for n := range pods.Items {
		if member(&pods.Items[n]) {
			members = append(members, &pods.Items[n])
		}
	}
	return members, nil
}

// stopMembers stops all Pods of a builder within the grace period.
func (c api) stopMembers(ctx context.Context, name string, member func(*corev1.Pod) bool, grace *int64) error {
	pods, err := c.membersOf(ctx, name, member)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if err := c.Delete(ctx, kube.KindPod, pod, kube.Deletion{Grace: grace}); err != nil {
			return err
		}
	}
	return nil
}

// frees is what the Pod takes of a quota in whose place a member comes; nil if there is none.
func (i *installation) frees() corev1.ResourceList {
	switch {
	case i.found.pod != nil:
		return kube.Usage(i.found.pod.Spec)
	case i.found.set != nil && i.restartsMembers():
		return kube.Usage(i.found.set.Spec.Template.Spec)
	}
	return nil
}

// fitsThen reports whether a quota refuses a Pod only since it counts the one that is there now.
func fitsThen(e *kube.AdmissionError) bool {
	excesses := e.Excesses()
	for _, excess := range excesses {
		if room := excess.Room(e.Frees); excess.Requested.Cmp(room) > 0 {
			return false
		}
	}
	return len(excesses) > 0
}

// checkMembers refuses a set whose members' names are taken by other Pods: its controller would
// wait for these names without end.
func (i *installation) checkMembers(ctx context.Context) error {
	if !i.spec.Stateful() {
		return nil
	}
	var asks []func() error
	for n, name := range i.spec.MemberNames() {
		if i.found.set != nil && n < int(desired(i.found.set)) {
			continue // its controller has made it
		}
		asks = append(asks, func() error {
			pod := &corev1.Pod{}
			ok, err := i.api.GetIfExists(ctx, kube.KindPod, name, pod)
			if err != nil || !ok || sameBuilder(pod, i.name) {
				return err
			}
			return &ForeignError{Kind: kube.KindPod, Name: name, Namespace: i.api.Namespace(), Builder: i.name}
		})
	}
	return kube.Together(asks...)
}

// selecting are the options that list the Pods, or the claims, with a builder's labels.
func selecting(name string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: builder.Selector(name)}
}
