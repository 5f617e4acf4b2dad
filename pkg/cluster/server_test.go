package cluster_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// object is any Kubernetes object, as JSON.
type object = map[string]any

// apiServer is an API server with just enough of its behaviour: objects with versions, apply, dry runs, watches,
// preconditions and selectors. What kubelet and scheduler would do, a test does in onPod.
type apiServer struct {
	*httptest.Server
	t *testing.T

	// onPod is called, on its own, when a Pod is created.
	onPod func(s *apiServer, name string)
	// refuse may answer a request instead; it returns 0 to let it pass.
	refuse func(r *http.Request, kind, name string) (code int, reason metav1.StatusReason, message string)
	bare   string // a kind without an API, as a proxy in between may answer
	// clock is how far the server's clock is ahead of this machine's.
	clock time.Duration
	// delay is how long every answer takes, lingers how long a Pod takes to end.
	delay, lingers time.Duration
	rounds         rounds
	// keepMembers says that a set that is deleted leaves its Pods, as with orphan propagation.
	keepMembers bool
	// logs is what containers have written.
	logs string

	mu       sync.Mutex
	version  int
	objects  map[string]object // by "plural/name"
	watches  map[chan object]string
	requests []string
}

func newServer(t *testing.T) *apiServer {
	s := &apiServer{t: t, objects: map[string]object{}, watches: map[chan object]string{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func (s *apiServer) client() *cluster.Client {
	s.t.Helper()
	client, err := cluster.New(&rest.Config{Host: s.URL}, "team")
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.rounds.pass(s.delay)
	if s.clock != 0 {
		w.Header().Set("Date", time.Now().Add(s.clock).UTC().Format(http.TimeFormat))
	}
	_, rest, found := strings.Cut(r.URL.Path, "/namespaces/team")
	if !found {
		_, rest, _ = strings.Cut(r.URL.Path, "/v1")
	}
	parts := append(strings.Split(strings.Trim(rest, "/"), "/"), "", "", "")
	kind, name, sub := parts[0], parts[1], parts[2]
	if kind == "" {
		kind, name = "namespaces", "team"
	}
	query, dry := r.URL.Query(), ""
	s.mu.Lock()
	if query.Get("dryRun") != "" {
		dry = " dry"
	}
	if query.Get("watch") == "" {
		s.requests = append(s.requests, r.Method+" "+strings.TrimSuffix(kind+"/"+name, "/")+dry)
	}
	s.mu.Unlock()
	if s.refuse != nil {
		if code, reason, message := s.refuse(r, kind, name); code != 0 {
			status(w, code, reason, message)
			return
		}
	}
	switch {
	case s.bare != "" && kind == s.bare:
		http.NotFound(w, r)
	case kind == "namespaces":
		answer(w, http.StatusOK, object{"kind": "Namespace", "apiVersion": "v1", "metadata": object{"name": name, "uid": "uid-" + name}})
	case sub == "log":
		_, _ = io.WriteString(w, s.logs)
	case r.Method == http.MethodGet && query.Get("watch") != "":
		s.watch(w, r, kind)
	case r.Method == http.MethodGet && name == "":
		s.list(w, r, kind)
	default:
		s.one(w, r, kind, name, dry != "")
	}
}

func (s *apiServer) one(w http.ResponseWriter, r *http.Request, kind, name string, dry bool) {
	var body object
	if r.Method != http.MethodGet {
		_ = json.NewDecoder(r.Body).Decode(&body)
	}
	if r.Method == http.MethodPost {
		name, _ = body["metadata"].(object)["name"].(string)
	}
	key := kind + "/" + name
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.objects[key]
	if old == nil && (r.Method == http.MethodGet || r.Method == http.MethodDelete || r.Method == http.MethodPut) {
		status(w, http.StatusNotFound, metav1.StatusReasonNotFound, fmt.Sprintf("%s %q not found", kind, name))
		return
	}
	switch r.Method {
	case http.MethodGet:
		answer(w, http.StatusOK, old)
	case http.MethodDelete:
		preconditions, _ := body["preconditions"].(object)
		if preconditions["uid"] == nil || preconditions["resourceVersion"] == nil {
			s.t.Errorf("DELETE %s without UID and version: %v", key, body)
		}
		if uid, _ := preconditions["uid"].(string); uid != "" && uid != old["metadata"].(object)["uid"] {
			status(w, http.StatusConflict, metav1.StatusReasonConflict, "the UID in the precondition does not match")
			return
		}
		if version, _ := preconditions["resourceVersion"].(string); version != old["metadata"].(object)["resourceVersion"] {
			status(w, http.StatusConflict, metav1.StatusReasonConflict, "the resourceVersion in the precondition does not match")
			return
		}
		s.endLocked(kind, key, body["gracePeriodSeconds"] == 0.0)
		answer(w, http.StatusOK, object{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	case http.MethodPost:
		if old != nil && !dry {
			status(w, http.StatusConflict, metav1.StatusReasonAlreadyExists, fmt.Sprintf("%s %q already exists", kind, name))
			return
		}
		answer(w, http.StatusCreated, s.storeLocked(key, nil, body, dry))
	case http.MethodPut:
		if body["metadata"].(object)["resourceVersion"] != old["metadata"].(object)["resourceVersion"] {
			status(w, http.StatusConflict, metav1.StatusReasonConflict, "the object has been modified")
			return
		}
		answer(w, http.StatusOK, s.storeLocked(key, old, body, dry))
	case http.MethodPatch:
		metadata := body["metadata"].(object)
		if old != nil && metadata["resourceVersion"] == nil && r.URL.Query().Get("force") == "true" {
			s.t.Errorf("PATCH %s of any version: %v", key, metadata)
		}
		for _, field := range []string{"uid", "resourceVersion"} {
			if wanted, ok := metadata[field]; ok && (old == nil || old["metadata"].(object)[field] != wanted) {
				status(w, http.StatusConflict, metav1.StatusReasonConflict, "the "+field+" does not match")
				return
			}
		}
		if r.Header.Get("Content-Type") == "application/merge-patch+json" {
			if old == nil {
				status(w, http.StatusNotFound, metav1.StatusReasonNotFound, fmt.Sprintf("%s %q not found", kind, name))
				return
			}
			answer(w, http.StatusOK, s.storeLocked(key, old, mergedInto(old, body), dry))
			return
		}
		code := http.StatusOK
		if old == nil {
			code = http.StatusCreated
		} else if kind == "pods" && fmt.Sprint(old["spec"]) != fmt.Sprint(body["spec"]) {
			status(w, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "Pod is invalid: spec: Forbidden: pod updates may not change fields")
			return
		}
		answer(w, code, s.storeLocked(key, old, body, dry))
	}
}

// storeLocked merges a new state into the old one, as far as it is needed here: metadata and all other fields but status.
func (s *apiServer) storeLocked(key string, old, body object, dry bool) object {
	merged := maps.Clone(body)
	metadata := maps.Clone(body["metadata"].(object))
	merged["metadata"] = metadata
	metadata["namespace"] = "team"
	s.version++
	if old != nil {
		merged["status"] = old["status"]
		before := old["metadata"].(object)
		metadata["uid"], metadata["creationTimestamp"] = before["uid"], before["creationTimestamp"]
		metadata["resourceVersion"] = before["resourceVersion"]
		if fmt.Sprint(merged) == fmt.Sprint(old) {
			return old
		}
	} else {
		metadata["uid"] = fmt.Sprintf("uid-%d", s.version)
		metadata["creationTimestamp"] = time.Now().UTC().Format(time.RFC3339)
	}
	metadata["resourceVersion"] = strconv.Itoa(s.version)
	if dry {
		return merged
	}
	s.objects[key] = merged
	change := "MODIFIED"
	if old == nil {
		change = "ADDED"
		if name, isPod := strings.CutPrefix(key, "pods/"); isPod && s.onPod != nil {
			go s.onPod(s, name)
		}
	}
	s.notifyLocked(key, change, merged)
	return merged
}

func (s *apiServer) notifyLocked(key, change string, o object) {
	kind, _, _ := strings.Cut(key, "/")
	for channel, wanted := range s.watches {
		if wanted == kind {
			channel <- object{"type": change, "object": o}
		}
	}
}

// set changes an object as a controller would, e.g. a Pod's status.
func (s *apiServer) set(kind, name string, fields object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := kind + "/" + name
	old := s.objects[key]
	if old == nil {
		return
	}
	changed := maps.Clone(old)
	metadata := maps.Clone(old["metadata"].(object))
	changed["metadata"] = metadata
	for field, value := range fields {
		switch field {
		case "node":
			spec := maps.Clone(old["spec"].(object))
			spec["nodeName"] = value
			changed["spec"] = spec
		case "deletionTimestamp":
			metadata[field] = value
		default:
			changed[field] = value
		}
	}
	s.version++
	metadata["resourceVersion"] = strconv.Itoa(s.version)
	s.objects[key] = changed
	s.notifyLocked(key, "MODIFIED", changed)
}

// put stores an object as it is.
func (s *apiServer) put(kind string, objects ...manifest.Object) {
	s.t.Helper()
	for _, o := range objects {
		text, err := json.Marshal(o)
		if err != nil {
			s.t.Fatal(err)
		}
		var fields object
		if err := json.Unmarshal(text, &fields); err != nil {
			s.t.Fatal(err)
		}
		s.mu.Lock()
		stored := s.storeLocked(kind+"/"+o.GetName(), nil, fields, false)
		if uid := string(o.GetUID()); uid != "" {
			stored["metadata"].(object)["uid"] = uid
		}
		s.mu.Unlock()
	}
}

func answer(w http.ResponseWriter, code int, o object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(o)
}
