package manifest_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// Profiles and traces stay in a socket that steps do not see: no port leads to the daemon but the
// one with mutual TLS, and what passes the metrics on has no rights, no secrets and few resources.
func TestMetricsOpenNothingElse(t *testing.T) {
	for name, change := range map[string]func(*builder.Spec){
		"privileged": func(*builder.Spec) {}, "rootless": func(s *builder.Spec) { s.Mode = builder.ModeRootless },
		"a set": func(s *builder.Spec) { s.Replicas = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			pod := make1(t, func(s *builder.Spec) { change(s); s.Metrics = true }).Pod
			daemon, beside := pod.Spec.Containers[0], pod.Spec.Containers[1]
			at := slices.Index(daemon.Args, "--debugaddr")
			if daemon.Name != builder.ContainerName || at < 0 || !strings.HasPrefix(daemon.Args[at+1], "unix:///run/kubectl-buildkit/") || len(daemon.Ports) > 0 {
				t.Errorf("the daemon: %v, %v", daemon.Args, daemon.Ports)
			}
			if beside.Image != daemon.Image || len(beside.VolumeMounts) != 1 || beside.VolumeMounts[0].MountPath != "/run/kubectl-buildkit" {
				t.Errorf("beside it: %s, %+v", beside.Image, beside.VolumeMounts)
			}
			context := beside.SecurityContext
			if *context.RunAsUser == 0 || !*context.RunAsNonRoot || *context.AllowPrivilegeEscalation || !*context.ReadOnlyRootFilesystem ||
				context.Privileged != nil || !slices.Equal(context.Capabilities.Drop, []corev1.Capability{"ALL"}) {
				t.Errorf("its rights: %+v", context)
			}
			if len(beside.Resources.Limits) != 2 || !beside.Resources.Limits.Cpu().Equal(*beside.Resources.Requests.Cpu()) ||
				!beside.Resources.Limits.Memory().Equal(*beside.Resources.Requests.Memory()) {
				t.Errorf("a Pod with it cannot be guaranteed its resources: %+v", beside.Resources)
			}
			if port := beside.Ports[0]; port.Name != "metrics" || port.ContainerPort != builder.MetricsPort || pod.Annotations["prometheus.io/port"] != "9464" {
				t.Errorf("its port: %+v, %v", port, pod.Annotations)
			}
		})
	}
	own := make1(t, func(s *builder.Spec) {
		s.Metrics, s.Annotations = true, map[string]string{"prometheus.io/scrape": "false"}
	}).Pod
	if own.Annotations["prometheus.io/scrape"] != "false" {
		t.Errorf("the user's mark is lost: %v", own.Annotations)
	}
	if pod := make1(t, func(*builder.Spec) {}).Pod; len(pod.Spec.Containers) != 1 || slices.Contains(pod.Spec.Containers[0].Args, "--debugaddr") {
		t.Error("metrics without being asked for")
	}
}
