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

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func image(name string) install.Edit {
	return func(s builder.Spec) (builder.Spec, error) { s.Image = name; return s, nil }
}

func three() builder.Spec {
	return builder.Spec{Replicas: 3, Storage: quantity("1Gi"), StorageClass: "fast", Env: []corev1.EnvVar{{Name: "A", Value: "1"}}}
}

// Members are replaced one at a time, each as long after its builds as these take: the timeout is
// for what starts.
func TestMembersAreReplacedOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := set(t, three())
		c.locked(func() { c.drain = 30 * time.Second })
		var seen events
		before := c.uids()
		builds := func(_ context.Context, member cluster.Member, _ *cluster.Connection) (int, error) {
			if member.Pod == "buildkitd-0" {
				return 0, errors.New("no answer")
			}
			return 7, nil
		}
		_, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", image("v2"), install.Options{Timeout: 20 * time.Second, Builds: builds}, seen.report)
		if err != nil {
			t.Fatal(err)
		}
		for n, uid := range c.uids() {
			if uid == before[n] {
				t.Errorf("member %d was not replaced", n)
			}
		}
		if spec, rolling := c.stored(); c.most() > 1 || rolling || spec.Image != "v2" {
			t.Errorf("%d members were away at once; stored %q, rolling %t", c.most(), spec.Image, rolling)
		}
		all := strings.Join(seen.lines(), "\n")
		for _, want := range []string{
			"buildkitd-2: waiting for the builds that run on it: 7 now, 2m0s at most", "buildkitd-1: waiting for the builds that run on it: 7 now",
			"buildkitd-0: waiting for the builds that run on it, 2m0s at most",
		} {
			if strings.Count(all, want) != 1 {
				t.Errorf("%q was not reported once:\n%s", want, all)
			}
		}
	})
}

// A member that does not start is replaced by one of the former settings, and the others stay.
func TestRollOutIsRolledBack(t *testing.T) {
	for name, test := range map[string]struct {
		status object
		reason string
	}{
		"no such image": {testcluster.Waiting("ErrImagePull", "not found"), "ErrImagePull"},
		"it crashes":    {object{"status": testcluster.Status(object{"terminated": object{"exitCode": 1}})}, "CrashLoopBackOff"},
		"never ready":   {testcluster.Waiting("ContainerCreating", ""), install.ReasonTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := set(t, three())
				c.broken("v2", test.status)
				c.Edit("statefulsets", "buildkitd", func(set object) { // which another version of this program has made
					pod := set["spec"].(object)["template"].(object)["spec"].(object)
					pod["hostname"], pod["containers"].([]any)[0].(object)["image"] = "former", "moby/buildkit:former"
				})
				uids, template := c.uids(), c.template()
				_, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", image("v2"), install.Options{Timeout: time.Minute}, nil)
				var start *install.StartError
				if !errors.As(err, &start) || start.Reason != test.reason || start.Pod != "buildkitd-2" || !start.RolledBack || start.RollBack != nil {
					t.Fatalf("got %+v (%v)", start, err)
				}
				spec, rolling := c.stored()
				if spec.Image != "" || spec.Env[0].Value != "1" || rolling {
					t.Errorf("stored: %+v, rolling %t", spec, rolling)
				}
				if now := c.uids(); !slices.Equal(now[:2], uids[:2]) || now[2] == uids[2] {
					t.Errorf("members before %v, after %v", uids, now)
				}
				if now := c.template(); now != template {
					t.Errorf("the template was\n%s\nand is\n%s", template, now)
				}
				if c.most() > 1 {
					t.Errorf("%d members were away at once", c.most())
				}
			})
		})
	}
}

// Of an install that was killed, the next one knows where to go back to, whatever it is asked.
func TestNextInstallHealsARollOut(t *testing.T) {
	for name, test := range map[string]struct {
		edit  install.Edit
		fails bool
		image string
	}{
		"as it is":      {install.Keep, true, ""},
		"a good image":  {image("v3"), false, "v3"},
		"none":          {image(""), false, ""},
		"another error": {image("v2"), true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := set(t, three())
				c.broken("v2", testcluster.Waiting("ErrImagePull", "not found"))
				if _, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", image("v2"), install.Options{NoWait: true}, nil); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second) // the controller has made the member that does not start
				if spec, rolling := c.stored(); spec.Image != "v2" || !rolling {
					t.Fatalf("stored: %+v, rolling %t", spec, rolling)
				}
				_, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", test.edit, install.Options{}, nil)
				var start *install.StartError
				if errors.As(err, &start) != test.fails || test.fails && !start.RolledBack || !test.fails && err != nil {
					t.Errorf("got %v, %+v", err, start)
				}
				time.Sleep(10 * time.Second)
				if spec, rolling := c.stored(); spec.Image != test.image || rolling || c.most() > 1 {
					t.Errorf("stored: %q, rolling %t, away %d", spec.Image, rolling, c.most())
				}
				for n, uid := range c.uids() {
					pod := &corev1.Pod{}
					c.Read("pods", fmt.Sprintf("buildkitd-%d", n), pod)
					if got := pod.Spec.Containers[0].Image; uid == "" || got == "v2" || test.image != "" && got != test.image {
						t.Errorf("member %d runs %q", n, got)
					}
				}
			})
		})
	}
}

// A builder of one Pod comes back as it was, without its cache.
func TestOnePodIsRolledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &controller{Cluster: testcluster.New(t), t: t}
		c.Install(builder.Spec{Env: []corev1.EnvVar{{Name: "A", Value: "1"}}})
		c.SetPod("buildkitd", func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = "mirror.example/x:1" }) // as a policy does
		c.broken("v2", testcluster.Waiting("ErrImagePull", "not found"))
		c.OnPod(func(name string) { c.kubes(name) })
		before := &corev1.Pod{}
		c.Read("pods", "buildkitd", before)
		_, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", image("v2"), install.Options{}, nil)
		var start *install.StartError
		if !errors.As(err, &start) || !start.RolledBack {
			t.Fatalf("got %v, %+v", err, start)
		}
		after := &corev1.Pod{}
		c.Read("pods", "buildkitd", after)
		spec, rolling := c.stored()
		if spec.Image != "" || spec.Env[0].Value != "1" || rolling || after.UID == before.UID ||
			after.Annotations[builder.AnnotationSpec] != before.Annotations[builder.AnnotationSpec] {
			t.Errorf("stored %+v, rolling %t; the Pod was %v and is %v", spec, rolling, before.Annotations, after.Annotations)
		}
	})
}

// A roll-out that another install has overtaken is not rolled back: that would undo the other's.
func TestRollBackLeavesWhatAnotherInstallMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := set(t, three())
		c.broken("v2", testcluster.Waiting("ContainerCreating", ""))
		client := clientOf(t, c.Cluster)
		other := func(event install.Event) {
			if !strings.Contains(event.Message, "rolling back") {
				return
			}
			if _, err := install.Run(t.Context(), client, "buildkitd", image("v3"), install.Options{NoWait: true}, nil); err != nil {
				t.Error(err)
			}
		}
		_, err := install.Run(t.Context(), client, "buildkitd", image("v2"), install.Options{Timeout: time.Minute}, other)
		var start *install.StartError
		var superseded *install.SupersededError
		if !errors.As(err, &start) || !errors.As(start.RollBack, &superseded) {
			t.Errorf("got %v, %+v", err, start)
		}
		if spec, _ := c.stored(); spec.Image != "v3" || !strings.Contains(c.template(), `"image":"v3"`) {
			t.Errorf("stored %q", spec.Image)
		}
	})
}

// Who does not wait any longer is told that the members are replaced all the same, and the next
// install waits for it.
func TestInterruptedRollOutGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := set(t, three())
		c.locked(func() { c.drain = 30 * time.Second })
		ctx, interrupt := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, interrupt)
		var seen events
		_, err := install.Run(ctx, clientOf(t, c.Cluster), "buildkitd", image("v2"), install.Options{}, seen.report)
		if all := strings.Join(seen.lines(), "\n"); !errors.Is(err, context.Canceled) || !strings.Contains(all, "the cluster goes on") {
			t.Errorf("got %v, and reports:\n%s", err, all)
		}
		if _, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", install.Keep, install.Options{}, nil); err != nil {
			t.Error(err)
		}
		if spec, rolling := c.stored(); spec.Image != "v2" || rolling || c.most() > 1 {
			t.Errorf("stored %q, rolling %t, away %d", spec.Image, rolling, c.most())
		}
	})
}
