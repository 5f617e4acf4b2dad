package install_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// Volumes that grew in the install that is rolled back stay as large; the members get exactly what
// they had, so that those which were not replaced go on.
func TestRollBackKeepsVolumesThatHaveGrown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := set(t, three())
		for n := range 3 {
			name := fmt.Sprintf("cache-buildkitd-%d", n)
			volume(c.Cluster, name, "1Gi", "fast", builder.ObjectLabels("buildkitd"))
			bind(c.Cluster, name, "1Gi")
		}
		c.broken("v2", testcluster.Waiting("ErrImagePull", "not found"))
		uids, template := c.uids(), c.template()
		grow := edit(func(s *builder.Spec) { s.Image, s.Storage = "v2", quantity("2Gi") })
		_, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", grow, install.Options{Timeout: time.Minute}, nil)
		var start *install.StartError
		if !errors.As(err, &start) || !start.RolledBack || start.Grown != "2Gi" || start.CacheLost {
			t.Fatalf("got %+v (%v)", start, err)
		}
		time.Sleep(10 * time.Second) // for the controller, should it have more to do
		if now := c.uids(); !slices.Equal(now[:2], uids[:2]) || now[2] == uids[2] {
			t.Errorf("members before %v, after %v", uids, now)
		}
		if now := c.template(); now != template {
			t.Errorf("the template was\n%s\nand is\n%s", template, now)
		}
		if spec, rolling := c.stored(); spec.Image != "" || spec.Storage.String() != "2Gi" || rolling {
			t.Errorf("stored: %+v, rolling %t", spec, rolling)
		}
		if got := sizes(c.Cluster); !slices.Equal(got, []string{"0:2Gi", "1:2Gi", "2:2Gi"}) {
			t.Errorf("the claims are %v", got)
		}
		uids = c.uids()
		mustInstall(t, c.Cluster, install.Keep)
		time.Sleep(10 * time.Second)
		if now := c.uids(); !slices.Equal(now, uids) {
			t.Errorf("the next install replaced members: before %v, after %v", uids, now)
		}
		if outcome := mustInstall(t, c.Cluster, install.Keep); outcome.Change != install.Unchanged {
			t.Errorf("the install after it: %s", outcome.Change)
		}
	})
}

// What is lost by a roll-back from the one shape to the other is the cache on the disk of a node.
func TestRollBackToTheOtherShapeSaysWhatIsLost(t *testing.T) {
	one := builder.Spec{}
	for name, test := range map[string]struct {
		was  builder.Spec
		edit install.Edit
		lost bool
	}{
		"a Pod to a set": {one, edit(func(s *builder.Spec) { s.Image, s.Replicas, s.Storage = "v2", 3, quantity("1Gi") }), true},
		"a set to a Pod": {three(), edit(func(s *builder.Spec) { s.Image, s.Replicas, s.Storage, s.StorageClass = "v2", 1, nil, "" }), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := set(t, test.was)
				c.broken("v2", testcluster.Waiting("ErrImagePull", "not found"))
				c.OnPod(func(name string) {
					if name == "buildkitd" { // the members are the controller's
						c.kubes(name)
					}
				})
				_, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", test.edit, install.Options{Timeout: time.Minute}, nil)
				var start *install.StartError
				if !errors.As(err, &start) || !start.RolledBack || start.CacheLost != test.lost || start.Grown != "" {
					t.Errorf("got %+v (%v)", start, err)
				}
				if spec, rolling := c.stored(); spec.Image != "" || spec.Stateful() != test.was.Stateful() || rolling {
					t.Errorf("stored: %+v, rolling %t", spec, rolling)
				}
			})
		})
	}
}

// The cache of a Pod that is terminating goes whatever an install does: it does not ask about that.
func TestTerminatingPodIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testcluster.New(t)
		c.Install(builder.Spec{})
		c.Ready("buildkitd")
		c.SetPod("buildkitd", func(pod *corev1.Pod) { pod.DeletionTimestamp = new(metav1.NewTime(time.Now().Add(time.Hour))) })
		c.OnPod(c.Ready)
		time.AfterFunc(10*time.Second, func() { c.Delete("pods", "buildkitd") })
		asked := false
		confirm := func(_ context.Context, plan install.Plan) error { asked = len(plan.Losses) > 0; return nil }
		_, err := install.Run(t.Context(), clientOf(t, c), "buildkitd", edit(func(s *builder.Spec) { s.Env = []corev1.EnvVar{{Name: "A", Value: "1"}} }),
			install.Options{Confirm: confirm}, nil)
		if err != nil || asked {
			t.Errorf("got %v, asked %t", err, asked)
		}
	})
}

// Who turns a set into a Pod hears what it waits for.
func TestRemovedSetReportsWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := set(t, three())
		c.OnPod(func(name string) {
			if name == "buildkitd" {
				c.Ready(name)
			}
		})
		var seen events
		toPod := edit(func(s *builder.Spec) { s.Replicas, s.Storage, s.StorageClass = 1, nil, "" })
		if _, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", toPod, install.Options{}, seen.report); err != nil {
			t.Fatal(err)
		}
		if all := seen.lines(); !slices.Contains(all, ": waiting for the builds that run on it") {
			t.Errorf("it reports %q", all)
		}
	})
}

// Who interrupts a roll-back is told that it has not ended; the next install goes on with it.
func TestInterruptedRollBackSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := set(t, three())
		c.broken("v2", testcluster.Waiting("ErrImagePull", "not found"))
		ctx, interrupt := context.WithCancel(t.Context())
		var seen events
		_, err := install.Run(ctx, clientOf(t, c.Cluster), "buildkitd", image("v2"), install.Options{Timeout: time.Minute}, func(event install.Event) {
			seen.report(event)
			if strings.Contains(event.Message, "rolling back") {
				interrupt()
			}
		})
		var start *install.StartError
		if all := strings.Join(seen.lines(), "\n"); !errors.As(err, &start) || start.RolledBack || strings.Count(all, "the roll-back has not ended") != 1 {
			t.Errorf("got %v, and reports:\n%s", err, all)
		}
		_, err = install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", install.Keep, install.Options{Timeout: time.Minute}, nil)
		if spec, rolling := c.stored(); spec.Image != "" || rolling {
			t.Errorf("after the next install (%v): stored %q, rolling %t", err, spec.Image, rolling)
		}
	})
}
