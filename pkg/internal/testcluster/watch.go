package testcluster

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (c *Cluster) storeLocked(key string, old, body Object, dry bool) Object {
	stored := maps.Clone(body)
	metadata, _ := body["metadata"].(Object)
	metadata = maps.Clone(metadata)
	stored["metadata"], metadata["namespace"] = metadata, Namespace
	c.version++
	change := "MODIFIED"
	if old == nil {
		change = "ADDED"
		if metadata["uid"] == nil {
			metadata["uid"] = fmt.Sprintf("uid-%d", c.version)
		}
		metadata["creationTimestamp"] = time.Now().UTC().Format(time.RFC3339)
	}
	metadata["resourceVersion"] = strconv.Itoa(c.version)
	if dry {
		return stored
	}
	c.objects[key] = stored
	c.notifyLocked(key, change, stored)
	if name, isPod := strings.CutPrefix(key, "pods/"); isPod && old == nil && c.onPod != nil {
		go c.onPod(name)
	}
	return stored
}

func (c *Cluster) removeLocked(key string) {
	if old := c.objects[key]; old != nil {
		delete(c.objects, key)
		c.version++
		c.notifyLocked(key, "DELETED", old)
	}
}

func (c *Cluster) notifyLocked(key, change string, object Object) {
	kind, _, _ := strings.Cut(key, "/")
	c.changes = append(c.changes, changed{version: c.version, kind: kind, event: Object{"type": change, "object": object}})
	for channel, wanted := range c.watches {
		if wanted == kind {
			channel <- Object{"type": change, "object": object}
		}
	}
}

func (c *Cluster) list(w http.ResponseWriter, r *http.Request, kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	items := []any{}
	for _, key := range slices.Sorted(maps.Keys(c.objects)) {
		if of, _, _ := strings.Cut(key, "/"); of == kind && selected(r, c.objects[key]) {
			items = append(items, c.objects[key])
		}
	}
	names := map[string]string{
		"pods": "PodList", "secrets": "SecretList", "nodes": "NodeList", "events": "EventList", "configmaps": "ConfigMapList",
		"persistentvolumeclaims": "PersistentVolumeClaimList", "statefulsets": "StatefulSetList",
	}
	api := "v1"
	if kind == "statefulsets" {
		api = "apps/v1"
	}
	answer(w, http.StatusOK, Object{
		"kind": names[kind], "apiVersion": api, "metadata": Object{"resourceVersion": strconv.Itoa(c.version)}, "items": items,
	})
}

// selected obeys the selectors that this project uses: a name, and labels.
func selected(r *http.Request, object Object) bool {
	metadata, _ := object["metadata"].(Object)
	if field := r.URL.Query().Get("fieldSelector"); strings.HasPrefix(field, "metadata.name=") && field != "metadata.name="+fmt.Sprint(metadata["name"]) {
		return false
	}
	labels, _ := metadata["labels"].(Object)
	for _, term := range strings.Split(r.URL.Query().Get("labelSelector"), ",") {
		if name, value, found := strings.Cut(term, "="); found && fmt.Sprint(labels[name]) != value {
			return false
		}
	}
	return true
}

func (c *Cluster) watch(w http.ResponseWriter, r *http.Request, kind string) {
	events := make(chan Object, 1000)
	since, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	c.mu.Lock()
	for _, change := range c.changes {
		if change.kind == kind && change.version > since {
			events <- change.event
		}
	}
	c.watches[events] = kind
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.watches, events)
		c.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	flusher, _ := w.(http.Flusher)
	flusher.Flush()
	for {
		select {
		case event := <-events:
			if object, _ := event["object"].(Object); selected(r, object) {
				_ = json.NewEncoder(w).Encode(event)
				flusher.Flush()
			}
		case <-r.Context().Done():
			return
		}
	}
}
