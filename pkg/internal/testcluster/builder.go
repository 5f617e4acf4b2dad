package testcluster

import (
	"crypto/tls"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// Install puts a builder in place as install does, with members that are ready, and returns their
// daemons by the names of their Pods.
func (c *Cluster) Install(spec builder.Spec) map[string]*Daemon {
	c.t.Helper()
	if spec.Name == "" {
		spec.Name = builder.DefaultName
	}
	return c.InstallWith(spec, Issue(c.t, time.Now()))
}

// Issue returns certificates that were issued at that time.
func Issue(t T, when time.Time) *trust.Certificates {
	t.Helper()
	certificates, err := trust.Issue(when, builder.DefaultName)
	if err != nil {
		t.Fatal(err)
	}
	return certificates
}

// InstallWith is Install of a builder that has a name, with given certificates.
func (c *Cluster) InstallWith(spec builder.Spec, certificates *trust.Certificates) map[string]*Daemon {
	c.t.Helper()
	spec.Namespace = Namespace
	objects, err := manifest.New(spec, certificates)
	if err != nil {
		c.t.Fatal(err)
	}
	c.Put("secrets", objects.Server, objects.Client)
	c.Put("configmaps", objects.Config())
	var owners []metav1.OwnerReference
	if spec.Stateful() {
		objects.Workload.SetUID(types.UID("set-" + spec.Name))
		c.Put("statefulsets", objects.Workload)
		owners = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: spec.Name, UID: objects.Workload.GetUID(), Controller: new(true)}}
	}
	daemons := map[string]*Daemon{}
	for _, name := range spec.MemberNames() {
		pod := objects.Pod.DeepCopy()
		pod.Name, pod.OwnerReferences = name, owners
		c.Put("pods", pod)
		daemons[name] = c.Start(name, certificates)
	}
	return daemons
}

// Start makes the Pod ready, with a daemon that has the certificates; nil speaks no TLS.
func (c *Cluster) Start(pod string, certificates *trust.Certificates) *Daemon {
	c.t.Helper()
	return c.startDaemon(pod, certificates, &Daemon{})
}

// startDaemon is Start of a daemon that knows already what it does.
func (c *Cluster) startDaemon(pod string, certificates *trust.Certificates, daemon *Daemon) *Daemon {
	c.t.Helper()
	var config *tls.Config
	if certificates != nil {
		var err error
		if config, err = ServerConfig(certificates.CA, certificates.Server); err != nil {
			c.t.Error(err)
		}
	}
	if err := daemon.start(config); err != nil {
		c.t.Error(err)
	}
	c.mu.Lock()
	c.daemons[pod] = daemon
	c.mu.Unlock()
	c.SetPod(pod, func(p *corev1.Pod) {
		p.Spec.NodeName = "node-1"
		p.Status = corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}, {Type: corev1.ContainersReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: builder.ContainerName, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
			}},
		}
	})
	return daemon
}

// OnPod makes react run, by itself, for every Pod that is created: what its scheduler and its
// kubelet do.
func (c *Cluster) OnPod(react func(name string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onPod = react
}

// LoseNode puts a Pod that is ready on node-2, which does not report any more: its kubelet confirms
// no end.
func (c *Cluster) LoseNode(pod string) {
	status := Status(Object{"running": Object{"startedAt": "2026-01-01T00:00:00Z"}})
	status["conditions"] = []any{Object{"type": "Ready", "status": "False"}, Object{"type": "ContainersReady", "status": "True"}}
	c.Schedule(pod, "node-2")
	c.Set("pods", pod, Object{"status": status})
	c.Lingers = time.Hour
}

// StartEveryPod makes each Pod that is created ready, with the certificates that are in the cluster
// then.
func (c *Cluster) StartEveryPod(name string) {
	c.OnPod(func(pod string) {
		secret := &corev1.Secret{}
		c.Read("secrets", builder.ServerSecretName(name), secret)
		c.Start(pod, manifest.Certificates(secret))
	})
}

// Run makes the Pod's container run, on node-1, before any probe has seen it.
func (c *Cluster) Run(pod string) {
	c.Schedule(pod, "node-1")
	c.Set("pods", pod, Object{"status": Status(Object{"running": Object{"startedAt": "2026-01-01T00:00:00Z"}})})
}

// Ready makes the Pod ready.
func (c *Cluster) Ready(pod string) {
	status := Status(Object{"running": Object{"startedAt": "2026-01-01T00:00:00Z"}})
	status["conditions"] = []any{Object{"type": "Ready", "status": "True"}}
	c.Schedule(pod, "node-1")
	c.Set("pods", pod, Object{"status": status})
}

// Schedule binds the Pod to a node.
func (c *Cluster) Schedule(pod, node string) {
	c.Edit("pods", pod, func(object Object) {
		if spec, ok := object["spec"].(Object); ok {
			spec["nodeName"] = node
		}
	})
}

// Status is that of a Pod whose container is in a state, e.g. {"waiting": …}.
func Status(state Object) Object {
	return Object{"phase": "Running", "containerStatuses": []any{Object{"name": builder.ContainerName, "state": state}}}
}

// Waiting is the state of a Pod whose container waits, for a reason that the kubelet gives.
func Waiting(reason, message string) Object {
	status := Status(Object{"waiting": Object{"reason": reason, "message": message}})
	status["phase"] = "Pending"
	return Object{"status": status}
}
