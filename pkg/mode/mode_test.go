package mode_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/mode"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func clientOf(t *testing.T, c *testcluster.Cluster) *cluster.Client {
	t.Helper()
	client, err := cluster.New(c.Config(), testcluster.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// auto asks for the mode with the least privileges.
func auto(current builder.Spec) (builder.Spec, error) {
	current.Mode = builder.ModeAuto
	return current, current.Validate()
}

// node is one that has everything, but for what change takes.
func node(c *testcluster.Cluster, change func(*corev1.Node)) {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}
	n.Status.NodeInfo = corev1.NodeSystemInfo{KubeletVersion: "v1.37.2", KernelVersion: "6.12.0", ContainerRuntimeVersion: "containerd://2.4.2", OperatingSystem: "linux"}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	if change != nil {
		change(n)
	}
	c.Put("nodes", n)
}

// refusing are the admission controllers that refuse Pods in these modes.
func refusing(modes ...string) func(c *testcluster.Cluster) {
	return func(c *testcluster.Cluster) {
		c.Refuse(func(r *http.Request, kind, _ string) *metav1.Status {
			if kind == "pods" && r.Method == http.MethodPost && slices.Contains(modes, modeOf(bodyOf(r))) {
				return testcluster.Failure(http.StatusForbidden, metav1.StatusReasonForbidden, `pods "x" is forbidden: violates PodSecurity "baseline:latest": privileged`)
			}
			return nil
		})
	}
}

// bodyOf is the object that a request sends, which stays to be read.
func bodyOf(r *http.Request) (object testcluster.Object) {
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(raw, &object)
	}
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	return object
}

func modeOf(pod testcluster.Object) string {
	metadata, _ := pod["metadata"].(testcluster.Object)
	annotations, _ := metadata["annotations"].(testcluster.Object)
	text, _ := annotations[builder.AnnotationMode].(string)
	return text
}

// failing are the daemons that do not start in these modes.
func failing(status testcluster.Object, modes ...string) func(c *testcluster.Cluster) {
	return func(c *testcluster.Cluster) {
		c.OnPod(func(name string) {
			if slices.Contains(modes, modeOf(c.Object("pods", name))) {
				c.Schedule(name, "node-1")
				c.Set("pods", name, status)
				return
			}
			c.Ready(name)
		})
	}
}

// unmapped is the status of a Pod that its node gives no user namespace.
func unmapped() testcluster.Object {
	return testcluster.Object{"status": testcluster.Object{"phase": "Pending", "initContainerStatuses": []any{testcluster.Object{
		"name": "user-namespace", "state": testcluster.Object{"terminated": testcluster.Object{"exitCode": 1, "message": "0 0 4294967295"}},
	}}}}
}

func crashing() testcluster.Object {
	return testcluster.Object{"status": testcluster.Status(testcluster.Object{"terminated": testcluster.Object{"exitCode": 1, "reason": "Error"}})}
}

func TestAuto(t *testing.T) {
	both := []string{builder.ModeUserNS, builder.ModeRootless}
	for name, test := range map[string]struct {
		world   func(c *testcluster.Cluster)
		options install.Options
		want    string // empty if the install fails
		says    string
	}{
		"all is there":        {func(c *testcluster.Cluster) { node(c, nil) }, install.Options{}, "userns", "mode userns: of all modes it has the least privileges, and every node"},
		"no node may be seen": {func(c *testcluster.Cluster) { c.Refuse(testcluster.Forbidding("nodes", "")) }, install.Options{}, "userns", "its nodes are not known"},
		"no node yet":         {func(*testcluster.Cluster) {}, install.Options{}, "userns", "its nodes are not known"},
		"an old node": {func(c *testcluster.Cluster) {
			node(c, func(n *corev1.Node) { n.Status.NodeInfo.KernelVersion = "5.15.0" })
		}, install.Options{}, "rootless", `mode rootless: userns does not work here: node "node-1": kernel 5.15.0`},
		"an old node that is not for builders": {func(c *testcluster.Cluster) {
			node(c, func(n *corev1.Node) { n.Status.NodeInfo.KernelVersion, n.Spec.Unschedulable = "5.15.0", true })
		}, install.Options{}, "userns", ""},
		"privileged containers are refused": {refusing("userns", "privileged"), install.Options{}, "rootless", "userns does not work here: Pod Security refuses it: "},
		"all are refused":                   {refusing("userns", "rootless", "privileged"), install.Options{}, "", "mode privileged: userns does not work here: Pod Security"},
		"the node ignores it":               {failing(unmapped(), "userns"), install.Options{}, "rootless", `mode rootless: userns does not work here: NoUserNamespace: node "node-1" ignores`},
		"rootless does not start": {failing(crashing(), both...), install.Options{}, "privileged",
			"mode privileged: userns does not work here: CrashLoopBackOff: the daemon ended with exit code 1; rootless does not work here: CrashLoopBackOff"},
		"nothing starts":       {failing(crashing(), builder.Modes()...), install.Options{}, "", "mode privileged: "},
		"no image":             {failing(testcluster.Waiting("ErrImagePull", "not found"), both...), install.Options{}, "", "mode userns: "},
		"it is not waited for": {failing(unmapped(), "userns"), install.Options{NoWait: true}, "userns", "; whether the daemon starts was not tried"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := testcluster.New(t)
				c.OnPod(c.Ready)
				test.world(c)
				var lines []string
				outcome, err := mode.Install(t.Context(), clientOf(t, c), "ci", auto, test.options, func(e install.Event) { lines = append(lines, e.Message) })
				if said := strings.Join(lines, "\n"); (err == nil) != (test.want != "") || !strings.Contains(said, test.says) {
					t.Fatalf("got %v, with\n%s", err, said)
				}
				if err != nil {
					if left := slices.DeleteFunc(c.Names(), func(name string) bool { return strings.HasPrefix(name, "nodes/") }); len(left) > 0 {
						t.Errorf("left behind: %q", left)
					}
					return
				}
				spec, err := install.StoredSpec(t.Context(), clientOf(t, c), "ci")
				if err != nil || spec.RunMode() != test.want || outcome.Change != install.Created || modeOf(c.Object("pods", "ci")) != test.want {
					t.Errorf("mode %q (%v), %s", spec.RunMode(), err, outcome.Change)
				}
			})
		})
	}
}

// Settings rule modes out as well.
func TestAutoHonorsTheSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testcluster.New(t)
		failing(unmapped(), builder.ModeUserNS)(c)
		edit := func(current builder.Spec) (builder.Spec, error) {
			current.StepNetwork = builder.StepNetworkBridge
			return auto(current)
		}
		var said string
		_, err := mode.Install(t.Context(), clientOf(t, c), "ci", edit, install.Options{}, func(e install.Event) { said += e.Message })
		if err != nil || modeOf(c.Object("pods", "ci")) != builder.ModePrivileged || !strings.Contains(said, "a rootless daemon may not connect networks") {
			t.Errorf("got %v, with %s", err, said)
		}
	})
}

// What was chosen once stays: another choice would take the cache.
func TestAutoKeepsTheModeOfABuilder(t *testing.T) {
	for _, is := range builder.Modes() {
		synctest.Test(t, func(t *testing.T) {
			c := testcluster.New(t)
			c.OnPod(c.Ready)
			in := func(current builder.Spec) (builder.Spec, error) {
				return current.With(builder.Spec{Mode: is}, "mode"), nil
			}
			if _, err := mode.Install(t.Context(), clientOf(t, c), "ci", in, install.Options{}, nil); err != nil {
				t.Fatal(err)
			}
			for _, edit := range []install.Edit{auto, install.Keep} {
				outcome, err := mode.Install(t.Context(), clientOf(t, c), "ci", edit, install.Options{}, nil)
				if err != nil || outcome.Change != install.Unchanged || modeOf(c.Object("pods", "ci")) != is {
					t.Errorf("mode %s: %s (%v)", is, outcome.Change, err)
				}
			}
		})
	}
}

// All modes together have the time of one install, and a dry run changes nothing.
func TestAutoHasOneTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testcluster.New(t)
		c.OnPod(func(name string) {
			if modeOf(c.Object("pods", name)) == builder.ModeUserNS {
				time.Sleep(50 * time.Second)
				c.Schedule(name, "node-1")
				c.Set("pods", name, unmapped())
			}
		})
		start := time.Now()
		_, err := mode.Install(t.Context(), clientOf(t, c), "ci", auto, install.Options{Timeout: time.Minute}, nil)
		var failed *install.StartError
		if took := time.Since(start); !errors.As(err, &failed) || failed.Reason != install.ReasonTimeout || took < 55*time.Second || took > 75*time.Second {
			t.Errorf("got %v after %s", err, took)
		}
	})
	c := testcluster.New(t)
	if _, err := mode.Install(t.Context(), clientOf(t, c), "ci", auto, install.Options{DryRun: true}, nil); err != nil || len(c.Names()) > 0 {
		t.Errorf("got %v, made %q", err, c.Names())
	}
}

// Package install knows no choice, and stores none.
func TestAutoIsNotStored(t *testing.T) {
	c := testcluster.New(t)
	_, err := install.Run(t.Context(), clientOf(t, c), "ci", auto, install.Options{}, nil)
	var wrong *usage.Error
	if !errors.As(err, &wrong) || len(c.Names()) > 0 {
		t.Errorf("got %v, made %q", err, c.Names())
	}
	c.Refuse(testcluster.Forbidding("configmaps", ""))
	_, err = mode.Install(t.Context(), clientOf(t, c), "ci", auto, install.Options{}, nil)
	if denied := (*kube.ForbiddenError)(nil); !errors.As(err, &denied) {
		t.Errorf("got %v", err)
	}
}
