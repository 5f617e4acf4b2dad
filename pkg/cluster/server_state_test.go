package cluster_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// mergedInto is a JSON merge patch.
func mergedInto(old, changes object) object {
	merged := maps.Clone(old)
	for key, value := range changes {
		child, isObject := value.(object)
		before, wasObject := merged[key].(object)
		if isObject && wasObject {
			merged[key] = mergedInto(before, child)
		} else {
			merged[key] = value
		}
	}
	return merged
}

// delete removes an object, as another client would.
func (s *apiServer) delete(kind, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(kind + "/" + name)
}

func (s *apiServer) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.objects))
}

// forget makes writes begin anew.
func (s *apiServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// writes are the requests that change something.
func (s *apiServer) writes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var writes []string
	for _, request := range s.requests {
		if !strings.HasPrefix(request, "GET") && !strings.HasSuffix(request, " dry") {
			writes = append(writes, request)
		}
	}
	return writes
}

func status(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	answer(w, code, object{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": string(reason), "message": message,
	})
}
