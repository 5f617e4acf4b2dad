package manifest_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

func TestAutoscalersFollowTheUsersAnnotations(t *testing.T) {
	certificates, err := trust.Issue(time.Now(), "buildkitd")
	if err != nil {
		t.Fatal(err)
	}
	const key = "cluster-autoscaler.kubernetes.io/safe-to-evict"
	for want, annotations := range map[string]map[string]string{"false": nil, "true": {key: "true"}} {
		objects, err := manifest.New(builder.Spec{Annotations: annotations}.WithDefaults(), certificates)
		if err != nil || objects.Pod.Annotations[key] != want {
			t.Errorf("%v: %v, %v", annotations, objects.Pod.Annotations, err)
		}
	}
}

func TestPodsStayOutOfMeshes(t *testing.T) {
	certificates, err := trust.Issue(time.Now(), "buildkitd")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		spec  builder.Spec
		istio [2]string // label, annotation
	}{
		"one Pod":             {builder.Spec{}, [2]string{"false", "false"}},
		"members":             {builder.Spec{Replicas: 2}, [2]string{"false", "false"}},
		"the user's label":    {builder.Spec{Labels: map[string]string{"sidecar.istio.io/inject": "true"}}, [2]string{"true", ""}},
		"the user's, members": {builder.Spec{Replicas: 2, Annotations: map[string]string{"sidecar.istio.io/inject": "true"}}, [2]string{"", "true"}},
	} {
		objects, err := manifest.New(test.spec.WithDefaults(), certificates)
		if err != nil {
			t.Fatal(err)
		}
		labels, annotations := objects.Pod.Labels, objects.Pod.Annotations
		if set, ok := objects.Workload.(*appsv1.StatefulSet); ok {
			labels, annotations = set.Spec.Template.Labels, set.Spec.Template.Annotations
			if set.Spec.Selector.MatchLabels["sidecar.istio.io/inject"] != "" || set.Annotations["linkerd.io/inject"] != "" {
				t.Errorf("%s: the marks are on more than the Pods", name)
			}
		}
		if got := [2]string{labels["sidecar.istio.io/inject"], annotations["sidecar.istio.io/inject"]}; got != test.istio {
			t.Errorf("%s: Istio reads %q", name, got)
		}
		if annotations["linkerd.io/inject"] != "disabled" || labels["kuma.io/sidecar-injection"] != "disabled" ||
			annotations["consul.hashicorp.com/connect-inject"] != "false" {
			t.Errorf("%s: %v, %v", name, labels, annotations)
		}
		for _, object := range objects.Support {
			if _, isPod := object.(*corev1.Pod); !isPod && object.GetAnnotations()["linkerd.io/inject"] != "" {
				t.Errorf("%s: marks on %T", name, object)
			}
		}
	}
}
