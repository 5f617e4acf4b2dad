package testcluster

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// Install puts a builder in place as install does, with members that are ready, and returns their daemons by the names
// of their Pods.
func (c *Cluster) Install(spec builder.Spec) map[string]*Daemon {
	c.t.Helper()
	spec.Namespace = Namespace
	if spec.Name == "" {
		spec.Name = builder.DefaultName
	}
	spec = spec.WithDefaults()
	certificates, err := trust.Issue(time.Now(), spec.Name)
	if err != nil {
		c.t.Fatal(err)
	}
	objects, err := manifest.New(spec, certificates)
	if err != nil {
		c.t.Fatal(err)
	}
	c.Put("secrets", objects.Server, objects.Client)
	c.Put("configmaps", objects.Config())
	var owners []metav1.OwnerReference
	if spec.Stateful() {
		objects.Workload.SetUID("set-1")
		c.Put("statefulsets", objects.Workload)
		owners = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: spec.Name, UID: "set-1", Controller: new(true)}}
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
	daemon := &Daemon{}
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

// ServerConfig returns the TLS configuration of a server that demands a client's certificate, as the daemon does; as
// a client it presents the same pair.
func ServerConfig(ca []byte, server trust.Pair) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(server.Certificate, server.Key)
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(ca) {
		return nil, errors.New("CA not found")
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS13,
		RootCAs: clients, ServerName: trust.ServerName,
	}, nil
}

// StartEveryPod makes each Pod that is created ready, with the certificates that are in the cluster then.
func (c *Cluster) StartEveryPod(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onPod = func(pod string) {
		secret := &corev1.Secret{}
		c.mu.Lock()
		text, _ := json.Marshal(c.objects["secrets/"+builder.ServerSecretName(name)])
		c.mu.Unlock()
		if err := json.Unmarshal(text, secret); err != nil {
			c.t.Error(err)
		}
		c.Start(pod, manifest.Certificates(secret))
	}
}

// Put stores objects as they are.
func (c *Cluster) Put(kind string, objects ...manifest.Object) {
	c.t.Helper()
	for _, each := range objects {
		text, err := json.Marshal(each)
		if err != nil {
			c.t.Fatal(err)
		}
		var fields Object
		if err := json.Unmarshal(text, &fields); err != nil {
			c.t.Fatal(err)
		}
		c.mu.Lock()
		c.storeLocked(kind+"/"+each.GetName(), nil, fields, false)
		c.mu.Unlock()
	}
}

// SetPod changes a Pod, as its kubelet or a controller does. It does nothing if there is none.
func (c *Cluster) SetPod(name string, change func(*corev1.Pod)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.objects["pods/"+name]
	if old == nil {
		return
	}
	pod := &corev1.Pod{}
	text, _ := json.Marshal(old)
	if err := json.Unmarshal(text, pod); err != nil {
		c.t.Error(err)
	}
	change(pod)
	text, _ = json.Marshal(pod)
	var fields Object
	if err := json.Unmarshal(text, &fields); err != nil {
		c.t.Error(err)
	}
	merged := maps.Clone(fields)
	merged["kind"], merged["apiVersion"] = "Pod", "v1"
	c.storeLocked("pods/"+name, old, merged, false)
}

// Delete removes an object, as another user does. The daemon of a Pod ends with it.
func (c *Cluster) Delete(kind, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeLocked(kind + "/" + name)
	if daemon := c.daemons[name]; kind == "pods" && daemon != nil {
		daemon.Stop()
		delete(c.daemons, name)
	}
}

// Log sets what every container has written.
func (c *Cluster) Log(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logs = text
}
