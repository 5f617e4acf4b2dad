package cluster

import (
	"cmp"
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// Builder is one builder of a list.
type Builder struct {
	Name, Namespace string
	// Adopted says that install did not make it.
	Adopted bool
	// Ephemeral says that it was made for one build, and is removed with it.
	Ephemeral bool
	// Members are its Pods; there may be fewer than Desired.
	Members []Member
	// Desired is how many members it should have.
	Desired int
	// Wanted is what its members are started with from now on; empty if it is not known.
	Wanted string
	// Family is the builder whose further architecture this one is for, Platforms are what a
	// builder was installed for; both are empty otherwise, or where they are not known.
	Family    string
	Platforms []builder.Native
	// Mode is one of builder.Modes as far as its settings say it, also of a builder without
	// members.
	Mode string
}

// List finds the builders of the namespace, or of all namespaces, sorted by namespace and name:
// those of which there is a Pod, a StatefulSet, or no more than their settings. Pods that run
// BuildKit's image without being ours are unmanaged builders.
func (c *Client) List(ctx context.Context, allNamespaces bool) ([]Builder, error) {
	scope := c
	if allNamespaces {
		scope = &Client{c.Everywhere()}
	}
	var pods []corev1.Pod
	sets, configs := &appsv1.StatefulSetList{}, &corev1.ConfigMapList{}
	managed := metav1.ListOptions{LabelSelector: builder.LabelManagedBy + "=" + builder.ManagedBy}
	// Without these the Pods are seen all the same.
	seen := func(err error) error {
		if kube.IsForbidden(err) {
			return nil
		}
		return err
	}
	err := kube.Together(
		func() (err error) { pods, err = scope.buildKitPods(ctx); return err },
		func() error { return seen(scope.ListObjects(ctx, kube.KindStatefulSet, managed, sets)) },
		func() error { return seen(scope.ListObjects(ctx, kube.KindConfigMap, managed, configs)) },
	)
	if err != nil {
		return nil, err
	}
	return group(pods, sets.Items, configs.Items), nil
}

// buildKitPods are the Pods that may be members; of the others only a page is ever held.
func (c *Client) buildKitPods(ctx context.Context) ([]corev1.Pod, error) {
	var found []corev1.Pod
	options := metav1.ListOptions{Limit: kube.Page}
	for {
		pods := &corev1.PodList{}
		if err := c.ListObjects(ctx, kube.KindPod, options, pods); err != nil {
			return nil, err
		}
		for _, pod := range pods.Items {
			container := daemonContainer(&pod)
			if IsManaged(pod.Labels) || container != nil && isBuildKit(container.Image) {
				found = append(found, pod)
			}
		}
		if options.Continue = pods.Continue; options.Continue == "" {
			return found, nil
		}
	}
}

// group makes builders of Pods, and of StatefulSets and settings that have none.
func group(pods []corev1.Pod, sets []appsv1.StatefulSet, configs []corev1.ConfigMap) []Builder {
	type key struct {
		namespace, name string
		adopted         bool
	}
	builders := map[key]*Builder{}
	at := func(k key) *Builder {
		if builders[k] == nil {
			builders[k] = &Builder{Name: k.name, Namespace: k.namespace, Adopted: k.adopted}
		}
		return builders[k]
	}
	for _, set := range sets {
		entry := at(key{set.Namespace, set.Labels[builder.LabelInstance], false})
		entry.Desired, entry.Wanted = int(*set.Spec.Replicas), wantedBy(&set)
	}
	for i := range configs {
		config := &configs[i]
		name := config.Labels[builder.LabelInstance]
		if config.Name != builder.ConfigName(name) {
			continue
		}
		entry, wanted := at(key{config.Namespace, name, false}), 1
		if spec, known, err := manifest.StoredSpec(name, config); known && err == nil {
			spec = spec.WithDefaults()
			wanted, entry.Mode = int(spec.Replicas), spec.RunMode()
			entry.Family, entry.Platforms = spec.Family, spec.Natives()
		}
		entry.Desired, entry.Ephemeral = max(entry.Desired, wanted), isEphemeral(config.Labels)
	}
	for i := range pods {
		member := MemberOf(&pods[i])
		entry := at(key{member.Namespace, member.Builder, member.Adopted})
		entry.Members, entry.Ephemeral = append(entry.Members, member), entry.Ephemeral || member.Ephemeral
		if !member.Adopted {
			entry.Family = cmp.Or(entry.Family, pods[i].Labels[builder.LabelFamily])
		}
	}
	list := make([]Builder, 0, len(builders))
	for _, entry := range builders {
		slices.SortFunc(entry.Members, func(a, b Member) int { return cmp.Compare(a.Pod, b.Pod) })
		entry.Desired = max(entry.Desired, len(entry.Members))
		list = append(list, *entry)
	}
	slices.SortFunc(list, func(a, b Builder) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return list
}
