package doctor_test

import (
	"encoding/base64"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/doctor"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
)

func node(name, architecture string, change func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelOSStable: "linux", corev1.LabelArchStable: architecture}},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
			NodeInfo:   corev1.NodeSystemInfo{Architecture: architecture, KernelVersion: "6.8.0", KubeletVersion: "v1.35.0", ContainerRuntimeVersion: "containerd://2.1.0"},
		},
	}
	if change != nil {
		change(n)
	}
	return n
}

func forbidding(kinds ...string) func(*http.Request, string, string) *metav1.Status {
	return func(_ *http.Request, kind, name string) *metav1.Status {
		for _, each := range kinds {
			if kind == each {
				return testcluster.Forbidden("get", kind, name)
			}
		}
		return nil
	}
}

func uninstall(c *testcluster.Cluster) {
	c.Delete("pods", builder.DefaultName)
	for _, suffix := range []string{"-client", "-server"} {
		c.Delete("secrets", builder.DefaultName+suffix)
	}
	c.Delete("configmaps", builder.DefaultName+"-config")
}

// unmanage makes the builder one that install did not make.
func unmanage(c *testcluster.Cluster) {
	for _, suffix := range []string{"-client", "-server"} {
		c.Delete("secrets", builder.DefaultName+suffix)
	}
	c.Delete("configmaps", builder.DefaultName+"-config")
	c.SetPod(builder.DefaultName, func(p *corev1.Pod) { p.Labels = nil })
}

// refusingPods refuses new Pods at admission.
func refusingPods(why string) func(*http.Request, string, string) *metav1.Status {
	return func(r *http.Request, kind, name string) *metav1.Status {
		if kind != "pods" || r.Method == http.MethodGet {
			return nil
		}
		return testcluster.Failure(http.StatusForbidden, metav1.StatusReasonForbidden, `pods "`+name+`" is forbidden: `+why)
	}
}

// What each check finds, in clusters and on machines of every kind.
func TestChecks(t *testing.T) {
	for name, test := range map[string]struct {
		spec   builder.Spec
		change func(*testing.T, *testcluster.Cluster, map[string]*testcluster.Daemon)
		config string               // of docker
		hosts  []string             // of registries
		want   map[string][2]string // by check: the status, and a part of message or remedy
		class  fault.Class          // of the first check that failed
	}{
		"all is well": {want: map[string][2]string{
			"kubeconfig": {"ok", `namespace "team"`}, "API server": {"ok", "Kubernetes v1.35.0"}, "permission to build": {"ok", "all"},
			"permission to install": {"ok", "all"}, "Pod Security": {"ok", "admitted"}, "nodes": {"ok", "1 of 1 fit (amd64)"}, "image": {"ok", "runs in 1 of 1"},
			"builder": {"ok", "1 of 1 members ready, privileged"}, "certificates": {"ok", "valid until"}, "tunnel: websocket": {"warning", "--transport spdy"},
			"tunnel: spdy": {"ok", "answers in"}, "daemon": {"ok", "BuildKit v9.8.7 with 1 worker(s) for linux/amd64"}, "docker config": {"ok", "does not exist"},
			"registries": {"skipped", "none was named"}, "user namespaces": {"ok", "of 1 nodes"},
		}},
		"no builder": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			uninstall(c)
		}, want: map[string][2]string{"builder": {"failed", "kubectl buildkit install buildkitd -n team"}, "daemon": {"skipped", ""}, "image": {"unknown", "is on no node"}}, class: fault.Unavailable},
		"nothing may be seen": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.Refuse(forbidding("nodes", "secrets", "pods", "configmaps", "selfsubjectaccessreviews"))
		}, want: map[string][2]string{"nodes": {"unknown", "may not"}, "permission to build": {"unknown", "may not"}, "user namespaces": {"unknown", "nodes"}}},
		"no cluster": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.Down(testcluster.ErrRefused())
		},
			want: map[string][2]string{"API server": {"failed", "does not answer"}, "nodes": {"skipped", ""}, "docker config": {"ok", ""}}, class: fault.Unavailable},
		"the daemon was killed": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.SetPod(builder.DefaultName, func(p *corev1.Pod) {
				s := &p.Status.ContainerStatuses[0]
				s.RestartCount, s.LastTerminationState.Terminated = 2, &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}
			})
		}, want: map[string][2]string{"builder": {"warning", "restarted 2 times"}}},
		"the image is not there": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.SetPod(builder.DefaultName, func(p *corev1.Pod) {
				p.Status.Phase, p.Status.Conditions[0].Status, p.Status.Conditions[1].Status = corev1.PodPending, corev1.ConditionFalse, corev1.ConditionFalse
				p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"}}
			})
		}, want: map[string][2]string{"image": {"failed", "--image-pull-secret"}, "builder": {"failed", "ImagePullBackOff"}, "daemon": {"skipped", ""}}, class: fault.Unavailable},
		"one member is away": {spec: builder.Spec{Replicas: 2}, change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.Delete("pods", "buildkitd-1")
		}, want: map[string][2]string{"builder": {"warning", "1 of 2 members ready"}, "daemon": {"ok", "buildkitd-0: BuildKit"}}},
		"a rootless builder": {spec: builder.Spec{Mode: builder.ModeRootless}, change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.Put("nodes", node("old", "arm64", func(n *corev1.Node) { n.Status.NodeInfo.KernelVersion = "3.10.0" }))
		}, want: map[string][2]string{"builder": {"ok", "rootless"}, "user namespaces": {"warning", "--node-selector"}}},
		"no node fits": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.Put("nodes", node("node-1", "amd64", func(n *corev1.Node) { n.Spec.Unschedulable = true }))
		}, want: map[string][2]string{"nodes": {"failed", "0 of 1 fit"}}, class: fault.Unavailable},
		"old certificates": {change: func(*testing.T, *testcluster.Cluster, map[string]*testcluster.Daemon) {
			time.Sleep(350 * 24 * time.Hour)
		},
			want: map[string][2]string{"certificates": {"warning", "which renews them"}}},
		"certificates that ended": {change: func(*testing.T, *testcluster.Cluster, map[string]*testcluster.Daemon) {
			time.Sleep(370 * 24 * time.Hour)
		},
			want: map[string][2]string{"certificates": {"failed", "ended on"}}, class: fault.Unavailable},
		"a daemon without a worker": {change: func(_ *testing.T, _ *testcluster.Cluster, d map[string]*testcluster.Daemon) {
			d[builder.DefaultName].Workers = -1
		},
			want: map[string][2]string{"daemon": {"failed", "why it has no worker"}}, class: fault.Unavailable},
		"no daemon": {change: func(_ *testing.T, _ *testcluster.Cluster, d map[string]*testcluster.Daemon) {
			d[builder.DefaultName].Stop()
		},
			want: map[string][2]string{"tunnel: spdy": {"failed", "refuses connections"}, "daemon": {"skipped", "no tunnel"}}, class: fault.Unavailable},
		"no permission": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.Deny("create pods/portforward", "create pods")
		},
			want: map[string][2]string{"permission to build": {"failed", "create rolebinding"}, "permission to install": {"skipped", "not needed"}}, class: fault.Denied},
		"a clock that is wrong": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.Ahead = 10 * time.Minute
		}, want: map[string][2]string{"API server": {"warning", "check the clock of this machine: it is 10m behind"}}},
		"no namespace": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			uninstall(c)
			c.Refuse(func(_ *http.Request, kind, _ string) *metav1.Status {
				if kind == "namespaces" {
					return testcluster.Failure(http.StatusNotFound, metav1.StatusReasonNotFound, "not found")
				}
				return nil
			})
		}, want: map[string][2]string{
			"Pod Security": {"skipped", `no namespace "team"`}, "builder": {"failed", "kubectl create namespace team"},
		}, class: fault.Unavailable},
		"no builder, and no permission to install one": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			uninstall(c)
			c.Deny("create pods")
		}, want: map[string][2]string{"permission to install": {"failed", "run: kubectl buildkit install buildkitd -n team"}}, class: fault.Denied},
		"no permission that only helps": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.Deny("get pods/log")
		}, want: map[string][2]string{"permission to build": {"warning", "you may build; why a builder was lost cannot be reported"}}},
		"no room for a second builder": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.Refuse(refusingPods(`exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`))
		}, want: map[string][2]string{"Pod Security": {"ok", "no room for a second one"}}},
		"a builder that is not admitted again": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.Refuse(refusingPods(`violates PodSecurity "baseline:latest": privileged`))
		}, want: map[string][2]string{"Pod Security": {"warning", "kubectl label namespace team"}}},
		"a namespace that admits none": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			uninstall(c)
			c.Labels = testcluster.Object{"pod-security.kubernetes.io/enforce": "restricted"}
			c.Refuse(func(r *http.Request, kind, name string) *metav1.Status {
				if r.Method != http.MethodGet {
					return testcluster.Forbidden("create", kind, name)
				}
				return nil
			})
		}, want: map[string][2]string{"Pod Security": {"failed", "the namespace enforces restricted"}}, class: fault.Denied},
		"objects are missing": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			c.Delete("secrets", builder.DefaultName+"-server")
		}, want: map[string][2]string{"builder": {"warning", "missing: Secret/buildkitd-server"}}},
		"an unmanaged builder": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			unmanage(c)
		}, want: map[string][2]string{
			"builder": {"ok", ", unmanaged"}, "certificates": {"ok", "it is reached with exec"}, "tunnel: spdy": {"skipped", "the port of an unmanaged daemon"},
		}, class: fault.Unavailable},
		"an unmanaged builder, and no permission": {change: func(_ *testing.T, c *testcluster.Cluster, _ map[string]*testcluster.Daemon) {
			unmanage(c)
			c.Deny("create pods/exec")
		}, want: map[string][2]string{"permission to build": {"failed", "create on pods/exec"}}, class: fault.Denied},
		"another version": {want: map[string][2]string{"daemon": {"ok", "while this plugin brings " + builder.BuildKitVersion}}},
		"a helper is missing": {config: `{"auths":{"r.io":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("u:p")) + `"}},"credHelpers":{"x.io":"absent"}}`,
			want: map[string][2]string{"docker config": {"warning", "docker-credential-absent for x.io"}}},
		"a registry that is away": {hosts: []string{"127.0.0.1:1"}, want: map[string][2]string{
			"registry: 127.0.0.1:1": {"failed", "127.0.0.1:1"}, "push: 127.0.0.1:1/team/app": {"failed", "127.0.0.1:1"},
		}, class: fault.Failed},
		"a broken docker config": {config: `{"auths":`, want: map[string][2]string{"docker config": {"warning", "fix what is named"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := testcluster.New(t)
				t.Cleanup(func() { c.Close(); time.Sleep(10 * time.Second) })
				c.Put("nodes", node("node-1", "amd64", nil))
				daemons := c.Install(test.spec)
				if test.change != nil {
					test.change(t, c, daemons)
				}
				found, err := run(t, c, test.config, test.hosts...)
				if class := fault.Of(err); class != test.class {
					t.Errorf("%v is of the class %q, want %q", err, class, test.class)
				}
				for check, want := range test.want {
					got := found[check]
					if string(got.Status) != want[0] || !strings.Contains(got.Message+got.Remedy, want[1]) {
						t.Errorf("%s: %s, %q, %q; want %s, %q", check, got.Status, got.Message, got.Remedy, want[0], want[1])
					}
				}
			})
		})
	}
}

func run(t *testing.T, c *testcluster.Cluster, config string, hosts ...string) (map[string]checkup.Result, error) {
	t.Helper()
	dir := t.TempDir()
	if config != "" {
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var pushes []string
	for _, host := range hosts {
		pushes = append(pushes, host+"/team/app")
	}
	checks := doctor.Checks(driver.New(c.Config(), testcluster.Namespace), doctor.Options{
		Builder: builder.DefaultName, Registries: hosts, Pushes: pushes, Credentials: registryauth.Options{Directory: dir, LookupEnv: func(string) (string, bool) { return "", false }},
	})
	found := map[string]checkup.Result{}
	results := checkup.Run(t.Context(), checks, func(result checkup.Result) { found[result.Name] = result })
	return found, checkup.Err(results)
}

// A registry whose certificate no authority has issued needs one that the builder is told of.
func TestRemedyForAnUntrustedRegistry(t *testing.T) {
	registry := httptest.NewTLSServer(http.NotFoundHandler())
	defer registry.Close()
	registry.Config.ErrorLog = log.New(io.Discard, "", 0)
	c := testcluster.New(t)
	c.Put("nodes", node("node-1", "amd64", nil))
	c.Install(builder.Spec{})
	host := strings.TrimPrefix(registry.URL, "https://")
	found, _ := run(t, c, "", host)
	for _, check := range []string{"registry: " + host, "push: " + host + "/team/app"} {
		if got := found[check]; got.Status != "failed" || got.Remedy != "kubectl buildkit install buildkitd -n team --registry-ca FILE" {
			t.Errorf("%s: %+v", check, got)
		}
	}
}
