package install_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// withClaims makes the controller create the claims that are missing before the members of a set.
// Those of a set that is removed meanwhile go again.
func (c *controller) withClaims(members ...string) {
	c.locked(func() {
		kubelet := c.kubes
		c.kubes = func(pod string) {
			for _, member := range members {
				name := builder.ClaimName(member)
				if pod == "buildkitd" || c.Object("persistentvolumeclaims", name) != nil {
					continue
				}
				volume(c.Cluster, name, "1Gi", "fast", builder.ObjectLabels("buildkitd"))
				if c.Object("statefulsets", "buildkitd") == nil {
					c.Delete("persistentvolumeclaims", name)
				}
			}
			kubelet(pod)
		}
	})
}

// A first install that fails leaves no volumes behind, but those that were there before.
func TestFailedInstallRemovesItsVolumes(t *testing.T) {
	for name, test := range map[string]struct {
		forbidden bool
		left      []string
	}{
		"removed":   {false, []string{"1:1Gi", "9:1Gi"}},
		"forbidden": {true, []string{"0:1Gi", "1:1Gi", "2:1Gi", "9:1Gi"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := empty(t)
				for _, ordinal := range []string{"1", "9"} { // of a builder that was uninstalled
					volume(c.Cluster, "cache-buildkitd-"+ordinal, "1Gi", "fast", builder.ObjectLabels("buildkitd"))
				}
				c.broken("v2", testcluster.Waiting("ErrImagePull", "not found"))
				c.withClaims("buildkitd-0", "buildkitd-1", "buildkitd-2")
				c.Refuse(func(r *http.Request, kind, _ string) *metav1.Status {
					if test.forbidden && kind == "persistentvolumeclaims" && r.Method == http.MethodDelete {
						return testcluster.Failure(403, metav1.StatusReasonForbidden, "no")
					}
					return nil
				})
				wanted := edit(func(s *builder.Spec) { *s = three(); s.Image = "v2" })
				_, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", wanted, install.Options{Timeout: time.Minute}, nil)
				var start *install.StartError
				claim := kube.Reference{Kind: kube.KindClaim, Name: "cache-buildkitd-2"}
				if !errors.As(err, &start) || slices.Contains(start.Removed, claim) == test.forbidden || slices.Contains(start.Remaining, claim) != test.forbidden {
					t.Errorf("got %v: %+v", err, start)
				}
				synctest.Wait() // for the controller
				if got := sizes(c.Cluster); !slices.Equal(got, test.left) {
					t.Errorf("the claims are %v", got)
				}
			})
		})
	}
}

// A roll-back removes the volumes of the members that its roll-out added.
func TestRollBackRemovesAddedVolumes(t *testing.T) {
	for name, test := range map[string]struct {
		was  builder.Spec
		edit install.Edit
		left []string
	}{
		"two members more": {three(), edit(func(s *builder.Spec) { s.Image, s.Replicas = "v2", 5 }), []string{"0:1Gi", "1:1Gi", "2:1Gi", "3:1Gi"}},
		"a Pod to a set":   {builder.Spec{}, edit(func(s *builder.Spec) { s.Image, s.Replicas, s.Storage = "v2", 5, quantity("1Gi") }), []string{"0:1Gi", "1:1Gi", "2:1Gi", "3:1Gi"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := set(t, test.was)
				for _, ordinal := range []string{"0", "1", "2", "3"} { // the last one is of a member that was there once
					volume(c.Cluster, "cache-buildkitd-"+ordinal, "1Gi", "fast", builder.ObjectLabels("buildkitd"))
				}
				c.broken("v2", testcluster.Waiting("ErrImagePull", "not found"))
				c.withClaims("buildkitd-0", "buildkitd-1", "buildkitd-2", "buildkitd-3", "buildkitd-4")
				c.OnPod(func(name string) {
					if name == "buildkitd" {
						c.kubes(name)
					}
				})
				_, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", test.edit, install.Options{Timeout: time.Minute}, nil)
				var start *install.StartError
				if !errors.As(err, &start) || !start.RolledBack {
					t.Errorf("got %v: %+v", err, start)
				}
				synctest.Wait() // for the controller
				if got := sizes(c.Cluster); !slices.Equal(got, test.left) {
					t.Errorf("the claims are %v", got)
				}
			})
		})
	}
}
