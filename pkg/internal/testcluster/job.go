package testcluster

import (
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// startJobLocked makes the Pod of a Job, as its controller does, and ends both at the Job's
// deadline.
func (c *Cluster) startJobLocked(name string, job Object) {
	spec, _ := job["spec"].(Object)
	template, _ := spec["template"].(Object)
	pod := clone(template)
	metadataOf(pod)["name"] = name + "-abcde"
	metadataOf(pod)["ownerReferences"] = []any{Object{"kind": "Job", "name": name, "uid": metadataOf(job)["uid"]}}
	pod["kind"], pod["apiVersion"] = "Pod", "v1"
	began := time.Now()
	time.AfterFunc(0, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if metadataOf(c.objects["jobs/"+name])["uid"] == metadataOf(job)["uid"] {
			c.storeLocked("pods/"+name+"-abcde", nil, pod, false)
		}
	})
	c.endJobAt(name, began)
}

// endJobAt looks at a Job when its deadline has passed, which may have been put off.
func (c *Cluster) endJobAt(name string, began time.Time) {
	var look func()
	look = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		spec, _ := c.objects["jobs/"+name]["spec"].(Object)
		seconds, ok := spec["activeDeadlineSeconds"].(float64)
		if !ok {
			return
		}
		left := time.Until(began.Add(time.Duration(seconds) * time.Second))
		if left <= 0 {
			c.removeLocked("jobs/"+name, true)
			return
		}
		time.AfterFunc(left, look)
	}
	time.AfterFunc(0, look)
}

// removeOwnedLocked removes what an object owns, as the garbage collection does.
func (c *Cluster) removeOwnedLocked(owner Object) {
	for key, object := range maps.Clone(c.objects) {
		owners, _ := metadataOf(object)["ownerReferences"].([]any)
		for _, each := range owners {
			if reference, _ := each.(Object); reference["uid"] == metadataOf(owner)["uid"] {
				c.removeLocked(key, true)
			}
		}
	}
}

// StartJobs makes the Pod of each Job ready once its Secret is there. Its daemon is passed to
// prepare before it starts.
func (c *Cluster) StartJobs(prepare func(*Daemon)) {
	c.OnPod(func(pod string) {
		job := strings.TrimSuffix(pod, "-abcde")
		for c.Object("secrets", builder.ServerSecretName(job)) == nil {
			if c.Object("pods", pod) == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		secret := &corev1.Secret{}
		c.Read("secrets", builder.ServerSecretName(job), secret)
		daemon := &Daemon{}
		prepare(daemon)
		c.startDaemon(pod, manifest.Certificates(secret), daemon)
	})
}
