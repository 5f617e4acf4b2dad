package testcluster

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

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
	list := Object{"kind": kinds()[kind], "apiVersion": "v1", "metadata": Object{"resourceVersion": strconv.Itoa(c.version)}, "items": items}
	if kind == "statefulsets" {
		list["apiVersion"] = "apps/v1"
	}
	if strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
		list["kind"], list["apiVersion"] = "PartialObjectMetadataList", "meta.k8s.io/v1"
		for i, item := range items {
			items[i] = Object{"metadata": item.(Object)["metadata"]}
		}
	}
	answer(w, http.StatusOK, list)
}

// kinds are those of the lists.
func kinds() map[string]string {
	return map[string]string{
		"pods": "PodList", "secrets": "SecretList", "nodes": "NodeList", "events": "EventList", "configmaps": "ConfigMapList",
		"persistentvolumeclaims": "PersistentVolumeClaimList", "persistentvolumes": "PersistentVolumeList", "statefulsets": "StatefulSetList",
	}
}

// selected reports whether the request's selectors choose the object.
func selected(r *http.Request, object Object) bool {
	set := labels.Set{}
	own, _ := metadataOf(object)["labels"].(Object)
	for key, value := range own {
		set[key] = fmt.Sprint(value)
	}
	byLabels, labelErr := labels.Parse(r.URL.Query().Get("labelSelector"))
	byFields, fieldErr := fields.ParseSelector(r.URL.Query().Get("fieldSelector"))
	if labelErr != nil || fieldErr != nil || !byLabels.Matches(set) {
		return false
	}
	for _, term := range byFields.Requirements() {
		value := any(object)
		for part := range strings.SplitSeq(term.Field, ".") {
			within, _ := value.(Object)
			value = within[part]
		}
		if value != term.Value {
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
	ended := c.watchesEnd
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
		case <-ended:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// EndWatches ends every watch, as an API server does every few minutes.
func (c *Cluster) EndWatches() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.watchesEnd)
	c.watchesEnd = make(chan struct{})
}
