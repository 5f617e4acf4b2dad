package cluster_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
)

func (s *apiServer) list(w http.ResponseWriter, r *http.Request, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []any{}
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if strings.HasPrefix(key, kind+"/") && selected(r, s.objects[key]) {
			items = append(items, s.objects[key])
		}
	}
	api, kinds := "v1", map[string]string{
		"pods": "PodList", "events": "EventList", "persistentvolumeclaims": "PersistentVolumeClaimList", "statefulsets": "StatefulSetList",
		"persistentvolumes": "PersistentVolumeList",
	}
	if kind == "storageclasses" {
		kinds[kind] = "PartialObjectMetadataList"
	}
	if kind == "statefulsets" {
		api = "apps/v1"
	}
	answer(w, http.StatusOK, object{
		"kind": kinds[kind], "apiVersion": api, "metadata": object{"resourceVersion": strconv.Itoa(s.version)}, "items": items,
	})
}

func selected(r *http.Request, o object) bool {
	query := r.URL.Query()
	metadata, _ := o["metadata"].(object)
	set := labels.Set{}
	if own, ok := metadata["labels"].(object); ok {
		for key, value := range own {
			set[key] = fmt.Sprint(value)
		}
	}
	selector, err := labels.Parse(query.Get("labelSelector"))
	if err != nil || !selector.Matches(set) {
		return false
	}
	field, value, found := strings.Cut(query.Get("fieldSelector"), "=")
	about, _ := o["involvedObject"].(object)
	return !found || about[strings.TrimPrefix(field, "involvedObject.")] == value
}

func (s *apiServer) watch(w http.ResponseWriter, r *http.Request, kind string) {
	from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	changes := make(chan object, 1000)
	s.mu.Lock()
	s.watches[changes] = kind
	// What has changed between the list and now.
	var missed []object
	for key, o := range s.objects {
		version, _ := strconv.Atoi(o["metadata"].(object)["resourceVersion"].(string))
		if strings.HasPrefix(key, kind+"/") && version > from {
			missed = append(missed, object{"type": "MODIFIED", "object": o})
		}
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.watches, changes)
		s.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "application/json")
	controller := http.NewResponseController(w)
	send := func(change object) {
		if selected(r, change["object"].(object)) {
			_ = json.NewEncoder(w).Encode(change)
		}
		_ = controller.Flush()
	}
	_ = controller.Flush()
	for _, change := range missed {
		send(change)
	}
	for {
		select {
		case change := <-changes:
			send(change)
		case <-r.Context().Done():
			return
		}
	}
}

// endLocked removes an object, a Pod after the time it takes to end, or at once for who does not want to know.
func (s *apiServer) endLocked(kind, key string, atOnce bool) {
	if kind != "pods" || s.lingers == 0 || atOnce {
		s.removeLocked(key)
		return
	}
	changed := maps.Clone(s.objects[key])
	metadata := maps.Clone(changed["metadata"].(object))
	metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
	changed["metadata"] = metadata
	s.objects[key] = changed
	s.notifyLocked(key, "MODIFIED", changed)
	time.AfterFunc(s.lingers, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.removeLocked(key)
	})
}

func (s *apiServer) removeLocked(key string) {
	s.version++
	s.notifyLocked(key, "DELETED", s.objects[key])
	delete(s.objects, key)
	// What a StatefulSet made goes with it.
	if name, isSet := strings.CutPrefix(key, "statefulsets/"); isSet && !s.keepMembers {
		for other := range s.objects {
			if strings.HasPrefix(other, "pods/"+name+"-") {
				s.removeLocked(other)
			}
		}
	}
}
