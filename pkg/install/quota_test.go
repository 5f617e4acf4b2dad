package install_test

import (
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// A quota counts the Pod that is replaced. What it refuses besides is refused while that Pod is
// still there.
func TestQuotaRefusesBeforeThePodGoes(t *testing.T) {
	for name, test := range map[string]struct {
		message string
		refused bool
	}{
		"fits in its place": {"exceeded quota: q, requested: limits.memory=2Gi,pods=1, used: limits.memory=1Gi,pods=1, limited: limits.memory=2Gi,pods=1", false},
		"too much anyway":   {"exceeded quota: q, requested: limits.memory=4Gi, used: limits.memory=1Gi, limited: limits.memory=2Gi", true},
		"others' Pods":      {"exceeded quota: q, requested: limits.memory=2Gi, used: limits.memory=2Gi, limited: limits.memory=2Gi", true},
		"must be specified": {"failed quota: q: must specify limits.cpu for: buildkitd", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testcluster.New(t)
			defer c.Close()
			c.Install(builder.Spec{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}})
			c.Refuse(func(r *http.Request, kind, _ string) *metav1.Status {
				if r.Method != http.MethodPost || kind != "pods" || r.URL.Query().Get("dryRun") == "" {
					return nil
				}
				return &metav1.Status{Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: `pods "buildkitd-preflight" is forbidden: ` + test.message}
			})
			more := func(s builder.Spec) (builder.Spec, error) {
				s.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")}
				return s, nil
			}
			_, err := install.Run(t.Context(), clientOf(t, c), "buildkitd", more, install.Options{NoWait: true, Force: true}, nil)
			if refused := kube.AsAdmission(err); (refused != nil) != test.refused || test.refused && len(c.Writes()) > 0 || !test.refused && err != nil {
				t.Errorf("got %v, and writes %v", err, c.Writes())
			}
		})
	}
}
