package kube_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// A namespace that was just made refuses every Pod for a moment.
func TestTryPodAwaitsTheServiceAccount(t *testing.T) {
	const (
		missing = `pods "x" is forbidden: error looking up service account team/default: serviceaccount "default" not found`
		refused = `pods "x" is forbidden: violates PodSecurity "baseline:latest": privileged`
	)
	for name, test := range map[string]struct {
		says    string
		account string
		times   int // that it is said
		asked   int
		fails   bool
	}{
		"at once":                     {missing, "", 0, 1, false},
		"a new namespace":             {missing, "", 3, 4, false},
		"an account that never comes": {missing, "", 100, 26, true},
		"an account of the user's":    {missing, "mine", 3, 1, true},
		"another refusal":             {refused, "", 3, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := testcluster.New(t)
				asked := 0
				c.Refuse(func(r *http.Request, kind, _ string) *metav1.Status {
					if kind != "pods" || r.Method != http.MethodPost {
						return nil
					}
					if asked++; asked > test.times {
						return nil
					}
					return testcluster.Failure(http.StatusForbidden, metav1.StatusReasonForbidden, test.says)
				})
				pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: corev1.PodSpec{ServiceAccountName: test.account}}
				made, err := clientOf(t, c).TryPod(t.Context(), pod)
				if (err != nil) != test.fails || test.fails != (kube.AsAdmission(err) != nil) || asked != test.asked {
					t.Errorf("asked %d times: %v", asked, err)
				}
				if !test.fails && (made.Name != "x" || made == pod) || len(c.Names()) > 0 {
					t.Errorf("got %v, made %q", made, c.Names())
				}
			})
		})
	}
}
