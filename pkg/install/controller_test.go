package install_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// controller does what that of StatefulSets does: it makes Pods, and replaces those of another
// template one at a time, the last first, when all others are ready. It never replaces one that is
// not ready, which the real one did for years.
type controller struct {
	*testcluster.Cluster
	t     *testing.T
	mu    sync.Mutex       // held while it works
	kubes func(pod string) // what the kubelet does with a new Pod
	drain time.Duration    // how long the builds of a member go on
	away  int              // the most members that were not ready at a time
}

// set installs a builder with three members, whose controller runs until the test ends.
func set(t *testing.T, was builder.Spec) *controller {
	c := empty(t)
	c.locked(func() { c.Install(was) })
	return c
}

// empty is set without a builder.
func empty(t *testing.T) *controller {
	c := &controller{Cluster: testcluster.New(t), t: t}
	class(c.Cluster, "fast", true)
	c.kubes = c.Ready
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for kube.Pause(ctx, time.Second) == nil {
			c.locked(c.reconcile)
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return c
}

// locked changes how it works, or what it has noted.
func (c *controller) locked(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// most is how many members were not ready at a time.
func (c *controller) most() (away int) {
	c.locked(func() { away = c.away })
	return away
}

func (c *controller) reconcile() {
	set := &appsv1.StatefulSet{}
	if c.Object("statefulsets", "buildkitd") == nil {
		return
	}
	c.Read("statefulsets", "buildkitd", set)
	var old []string
	away := 0
	for n := range *set.Spec.Replicas {
		name := fmt.Sprintf("buildkitd-%d", n)
		pod := &corev1.Pod{}
		if c.Object("pods", name) == nil {
			away++
			c.make(set, name)
			continue
		}
		c.Read("pods", name, pod)
		ready := slices.ContainsFunc(pod.Status.Conditions, func(each corev1.PodCondition) bool {
			return each.Type == corev1.PodReady && each.Status == corev1.ConditionTrue
		})
		if !ready || pod.DeletionTimestamp != nil {
			away++
		} else if pod.Annotations[builder.AnnotationSpec] != set.Spec.Template.Annotations[builder.AnnotationSpec] {
			old = append(old, name)
		}
	}
	if c.away = max(c.away, away); away == 0 && len(old) > 0 {
		name := old[len(old)-1]
		c.SetPod(name, func(pod *corev1.Pod) {
			pod.DeletionTimestamp = new(metav1.NewTime(time.Now().Add(c.drain + 90*time.Second)))
		})
		time.AfterFunc(c.drain+time.Second, func() { c.Delete("pods", name) })
	}
}

func (c *controller) make(set *appsv1.StatefulSet, name string) {
	c.Put("pods", &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: set.Spec.Template.Labels, Annotations: set.Spec.Template.Annotations,
			OwnerReferences: []metav1.OwnerReference{{UID: types.UID(c.UID("statefulsets", "buildkitd")), Controller: new(true)}},
		},
		Spec: set.Spec.Template.Spec,
	})
	c.kubes(name)
}

func (c *controller) uids() (all []string) {
	for _, name := range []string{"buildkitd-0", "buildkitd-1", "buildkitd-2"} {
		all = append(all, c.UID("pods", name))
	}
	return all
}

func (c *controller) template() string {
	set := &appsv1.StatefulSet{}
	c.Read("statefulsets", "buildkitd", set)
	text, err := json.Marshal(set.Spec.Template)
	if err != nil {
		c.t.Error(err)
	}
	return string(text)
}

// stored are the settings, and whether there is something to go back to.
func (c *controller) stored() (spec builder.Spec, rolling bool) {
	spec, err := install.StoredSpec(c.t.Context(), clientOf(c.t, c.Cluster), "buildkitd")
	if err != nil {
		c.t.Error(err)
	}
	config := &corev1.ConfigMap{}
	c.Read("configmaps", "buildkitd-config", config)
	_, rolling = config.Data["previous.json"]
	return spec, rolling
}

// broken lets the Pods of an image fail as a wrong one does; those of others become ready.
func (c *controller) broken(image string, status object) {
	c.locked(func() {
		c.kubes = func(name string) {
			pod := &corev1.Pod{}
			c.Read("pods", name, pod)
			switch {
			case len(pod.Spec.Containers) == 0: // removed meanwhile
			case pod.Spec.Containers[0].Image == image:
				c.Set("pods", name, status)
			default:
				c.Ready(name)
			}
		}
	})
}
