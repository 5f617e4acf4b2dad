package manifest

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// leaveMeshes asks service meshes to leave the Pod alone. The proxy that they put beside a daemon ends as soon as the Pod
// is told to, while the daemon goes on until its builds have ended: the push at the end of a build would fail. Marks
// that the user sets are the user's.
func leaveMeshes(pod *corev1.Pod, spec builder.Spec) {
	annotations := map[string]string{
		"sidecar.istio.io/inject":              "false", // Istio before 1.10
		"linkerd.io/inject":                    "disabled",
		"consul.hashicorp.com/connect-inject":  "false",
		"openservicemesh.io/sidecar-injection": "disabled",
		"kuma.io/sidecar-injection":            "disabled", // Kuma before 2.0
	}
	labels := map[string]string{
		"sidecar.istio.io/inject":   "false",
		"kuma.io/sidecar-injection": "disabled",
	}
	pod.Annotations, pod.Labels = besides(pod.Annotations, annotations, spec), besides(pod.Labels, labels, spec)
}

// besides adds marks to those that there are, unless the user has set one of the same key as a label or an annotation.
func besides(there, marks map[string]string, spec builder.Spec) map[string]string {
	for key, value := range marks {
		_, label := spec.Labels[key]
		_, annotation := spec.Annotations[key]
		if !label && !annotation {
			there[key] = value
		}
	}
	return there
}
