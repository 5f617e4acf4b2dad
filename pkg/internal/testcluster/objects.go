package testcluster

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// one serves a request for one object.
func (c *Cluster) one(w http.ResponseWriter, r *http.Request, kind, name string) {
	var body Object
	if r.Method != http.MethodGet {
		_ = json.NewDecoder(r.Body).Decode(&body)
	}
	if r.Method == http.MethodPost {
		name, _ = metadataOf(body)["name"].(string)
	}
	key, dry := kind+"/"+name, r.URL.Query().Has("dryRun")
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.objects[key]
	switch {
	case r.Method == http.MethodPatch:
		c.patchLocked(w, r, key, old, body, dry)
	case r.Method == http.MethodPost && old != nil:
		conflict(w, metav1.StatusReasonAlreadyExists, fmt.Sprintf("%s %q already exists", kind, name))
	case r.Method == http.MethodPost:
		delete(metadataOf(body), "uid")
		answer(w, http.StatusCreated, c.storeLocked(key, nil, body, dry))
	case old == nil:
		notFound(w, key)
	case r.Method == http.MethodGet:
		answer(w, http.StatusOK, old)
	case r.Method == http.MethodDelete:
		c.deleteLocked(w, key, old, body)
	case metadataOf(body)["resourceVersion"] != metadataOf(old)["resourceVersion"]:
		conflict(w, metav1.StatusReasonConflict, "the object has been modified")
	default:
		answer(w, http.StatusOK, c.storeLocked(key, old, body, dry))
	}
}

// deleteLocked demands what this project's own code always sends: which object, and in which
// version it was seen.
func (c *Cluster) deleteLocked(w http.ResponseWriter, key string, old, options Object) {
	preconditions, _ := options["preconditions"].(Object)
	for _, field := range []string{"uid", "resourceVersion"} {
		switch wanted := preconditions[field]; wanted {
		case nil:
			c.t.Errorf("DELETE %s without its %s: %v", key, field, options)
		case metadataOf(old)[field]:
		default:
			conflict(w, metav1.StatusReasonConflict, "the "+field+" in the precondition does not match")
			return
		}
	}
	if strings.HasPrefix(key, "pods/") && c.Lingers > 0 && options["gracePeriodSeconds"] != 0.0 {
		ending := clone(old)
		metadataOf(ending)["deletionTimestamp"] = time.Now().UTC().Format(time.RFC3339)
		c.replaceLocked(key, ending)
		time.AfterFunc(c.Lingers, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if now := c.objects[key]; metadataOf(now)["uid"] == metadataOf(old)["uid"] {
				c.removeLocked(key, true)
			}
		})
	} else {
		c.removeLocked(key, options["propagationPolicy"] != string(metav1.DeletePropagationOrphan))
	}
	answer(w, http.StatusOK, Object{"kind": "Status", "apiVersion": "v1", "status": "Success"})
}

// patchLocked serves an apply, for which the manager of this project is the only one, and a merge
// patch.
func (c *Cluster) patchLocked(w http.ResponseWriter, r *http.Request, key string, old, body Object, dry bool) {
	metadata, before := metadataOf(body), metadataOf(old)
	if old != nil && metadata["resourceVersion"] == nil && r.URL.Query().Get("force") == "true" {
		c.t.Errorf("PATCH %s of any version: %v", key, metadata)
	}
	for _, field := range []string{"uid", "resourceVersion"} {
		if wanted, ok := metadata[field]; ok && wanted != nil && before[field] != wanted {
			conflict(w, metav1.StatusReasonConflict, "the "+field+" does not match")
			return
		}
	}
	merge := r.Header.Get("Content-Type") == string(types.MergePatchType)
	switch {
	case merge && old == nil:
		notFound(w, key)
	case merge:
		answer(w, http.StatusOK, c.storeLocked(key, old, mergedInto(old, body), dry))
	case old == nil:
		answer(w, http.StatusCreated, c.storeLocked(key, nil, body, dry))
	case strings.HasPrefix(key, "pods/") && fmt.Sprint(old["spec"]) != fmt.Sprint(body["spec"]):
		answerStatus(w, metav1.Status{
			Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid,
			Message: "Pod is invalid: spec: Forbidden: pod updates may not change fields",
		})
	default:
		answer(w, http.StatusOK, c.storeLocked(key, old, body, dry))
	}
}

// storeLocked stores what a client sends: the status and what the server decides stay. An object
// that does not change keeps its version.
func (c *Cluster) storeLocked(key string, old, body Object, dry bool) Object {
	stored := maps.Clone(body)
	metadata := maps.Clone(metadataOf(body))
	if metadata == nil {
		metadata = Object{}
	}
	stored["metadata"], metadata["namespace"] = metadata, Namespace
	if old == nil {
		if metadata["uid"] == nil {
			metadata["uid"] = fmt.Sprintf("uid-%d", c.version+1)
		}
		metadata["creationTimestamp"] = time.Now().UTC().Format(time.RFC3339)
	} else {
		if status, ok := old["status"]; ok {
			stored["status"] = status
		}
		for _, field := range []string{"uid", "creationTimestamp", "resourceVersion"} {
			metadata[field] = metadataOf(old)[field]
		}
		if fmt.Sprint(stored) == fmt.Sprint(old) {
			return old
		}
	}
	if dry {
		metadata["resourceVersion"] = strconv.Itoa(c.version + 1)
		return stored
	}
	if old != nil {
		c.replaceLocked(key, stored)
		return stored
	}
	c.version++
	metadata["resourceVersion"] = strconv.Itoa(c.version)
	c.objects[key] = stored
	c.notifyLocked(key, "ADDED", stored)
	if name, isPod := strings.CutPrefix(key, "pods/"); isPod && c.onPod != nil {
		go c.onPod(name)
	}
	if name, isJob := strings.CutPrefix(key, "jobs/"); isJob {
		c.startJobLocked(name, stored)
	}
	return stored
}

// replaceLocked stores an object of a new version.
func (c *Cluster) replaceLocked(key string, object Object) {
	c.version++
	metadataOf(object)["resourceVersion"] = strconv.Itoa(c.version)
	c.objects[key] = object
	c.notifyLocked(key, "MODIFIED", object)
	if metadataOf(object)["deletionGracePeriodSeconds"] == 0.0 && !isHeld(object) {
		c.removeLocked(key, true)
	}
}

// isHeld reports whether an object has finalizers.
func isHeld(object Object) bool {
	finalizers, _ := metadataOf(object)["finalizers"].([]any)
	return len(finalizers) > 0
}

// removeLocked removes an object, the daemon of a Pod, and the Pods that a StatefulSet made;
// without cascade these stay, and have no owner any more. An object with finalizers stays until it
// has none.
func (c *Cluster) removeLocked(key string, cascade bool) {
	old := c.objects[key]
	if old == nil {
		return
	}
	if isHeld(old) {
		ending := clone(old)
		metadataOf(ending)["deletionTimestamp"], metadataOf(ending)["deletionGracePeriodSeconds"] = time.Now().UTC().Format(time.RFC3339), 0.0
		c.replaceLocked(key, ending)
		return
	}
	delete(c.objects, key)
	c.version++
	c.notifyLocked(key, "DELETED", old)
	kind, name, _ := strings.Cut(key, "/")
	switch {
	case kind == "pods" && c.daemons[name] != nil:
		c.daemons[name].Stop()
		delete(c.daemons, name)
	case kind == "jobs":
		c.removeOwnedLocked(old)
	case kind == "statefulsets":
		for other, object := range maps.Clone(c.objects) {
			switch {
			case !strings.HasPrefix(other, "pods/"+name+"-"):
			case cascade:
				c.removeLocked(other, true)
			default:
				orphan := clone(object)
				delete(metadataOf(orphan), "ownerReferences")
				c.replaceLocked(other, orphan)
			}
		}
	}
}

// mergedInto is a JSON merge patch.
func mergedInto(old, changes Object) Object {
	merged := maps.Clone(old)
	for key, value := range changes {
		child, isObject := value.(Object)
		before, wasObject := merged[key].(Object)
		switch {
		case value == nil:
			delete(merged, key)
			continue
		case isObject && wasObject:
			value = mergedInto(before, child)
		}
		merged[key] = value
	}
	return merged
}

func metadataOf(object Object) Object {
	metadata, _ := object["metadata"].(Object)
	return metadata
}
