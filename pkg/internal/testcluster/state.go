package testcluster

import (
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// clone returns a deep copy, as JSON has it.
func clone(object any) Object {
	var fields Object
	text, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil {
		panic(err) // of a test's own literal
	}
	return fields
}

// Put stores objects as they are: typed ones, or their fields.
func (c *Cluster) Put(kind string, objects ...any) {
	c.t.Helper()
	for _, each := range objects {
		fields := clone(each)
		name, _ := metadataOf(fields)["name"].(string)
		c.mu.Lock()
		c.storeLocked(kind+"/"+name, nil, fields, false)
		c.mu.Unlock()
	}
}

// Edit changes an object, as a controller or another user does. It does nothing if there is none.
func (c *Cluster) Edit(kind, name string, change func(Object)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.objects[kind+"/"+name]; old != nil {
		changed := clone(old)
		change(changed)
		c.replaceLocked(kind+"/"+name, clone(changed))
	}
}

// Set replaces fields of an object, e.g. the status of a Pod.
func (c *Cluster) Set(kind, name string, fields Object) {
	c.Edit(kind, name, func(object Object) { maps.Copy(object, fields) })
}

// Terminating marks a Pod as one that is being deleted.
func (c *Cluster) Terminating(pod string) {
	c.Edit("pods", pod, func(object Object) { metadataOf(object)["deletionTimestamp"] = "2026-01-01T00:00:00Z" })
}

// SetPod changes a Pod, as its kubelet or a controller does. It does nothing if there is none.
func (c *Cluster) SetPod(name string, change func(*corev1.Pod)) {
	c.Edit("pods", name, func(object Object) {
		pod := &corev1.Pod{}
		text, _ := json.Marshal(object)
		if err := json.Unmarshal(text, pod); err != nil {
			c.t.Error(err)
		}
		change(pod)
		clear(object)
		maps.Copy(object, clone(pod))
		object["kind"], object["apiVersion"] = "Pod", "v1"
	})
}

// Delete removes an object, as another user does. The daemon of a Pod ends with it.
func (c *Cluster) Delete(kind, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeLocked(kind+"/"+name, true)
}

// Object returns a copy of an object, nil if it does not exist.
func (c *Cluster) Object(kind, name string) Object {
	c.mu.Lock()
	defer c.mu.Unlock()
	if object := c.objects[kind+"/"+name]; object != nil {
		return clone(object)
	}
	return nil
}

// Read reads an object into a typed one.
func (c *Cluster) Read(kind, name string, into any) {
	c.t.Helper()
	text, err := json.Marshal(c.Object(kind, name))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		c.t.Error(err)
	}
}

// UID returns that of an object, and "" if it does not exist.
func (c *Cluster) UID(kind, name string) string {
	uid, _ := metadataOf(c.Object(kind, name))["uid"].(string)
	return uid
}

// Names returns what there is, e.g. "pods/buildkitd".
func (c *Cluster) Names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.objects))
}

// Log sets what every container has written.
func (c *Cluster) Log(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logs = text
}
