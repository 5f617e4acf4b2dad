package testcluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Refuse lets a test answer requests, e.g. with Forbidden; nil passes them.
func (c *Cluster) Refuse(refuse func(r *http.Request, kind, name string) *metav1.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = refuse
}

// Failure is an answer of the API server.
func Failure(code int32, reason metav1.StatusReason, message string) *metav1.Status {
	return &metav1.Status{Code: code, Reason: reason, Message: message}
}

// Forbidden is the answer to a user who may not do this.
func Forbidden(verb, kind, name string) *metav1.Status {
	return &metav1.Status{
		Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden,
		Message: fmt.Sprintf(`%s %q is forbidden: User "jane" cannot %s resource %q in API group "" in the namespace %q`, kind, name, verb, kind, Namespace),
	}
}

// Forbidding refuses a resource as RBAC does, for one method or for all.
func Forbidding(resource, method string) func(r *http.Request, kind, name string) *metav1.Status {
	verbs := map[string]string{
		http.MethodGet: "get", http.MethodPost: "create", http.MethodPatch: "patch", http.MethodPut: "update", http.MethodDelete: "delete",
	}
	return func(r *http.Request, kind, name string) *metav1.Status {
		if kind != resource || method != "" && r.Method != method {
			return nil
		}
		return Forbidden(verbs[r.Method], kind, name)
	}
}

// Deny makes the user lack permissions, e.g. "create pods/portforward", in the answers to reviews.
func (c *Cluster) Deny(permissions ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.denied = permissions
}

// review allows everything that is not denied.
func (c *Cluster) review(w http.ResponseWriter, r *http.Request) {
	var body Object
	_ = json.NewDecoder(r.Body).Decode(&body)
	spec, _ := body["spec"].(Object)
	wanted, _ := spec["resourceAttributes"].(Object)
	permission := fmt.Sprint(wanted["verb"], " ", wanted["resource"])
	if sub := wanted["subresource"]; sub != nil {
		permission += fmt.Sprint("/", sub)
	}
	c.mu.Lock()
	denied := slices.Contains(c.denied, permission)
	c.mu.Unlock()
	body["status"] = Object{"allowed": !denied, "userInfo": Object{"username": "jane"}}
	answer(w, http.StatusCreated, body)
}

// ErrRefused is what dialing an API server that is down ends with.
func ErrRefused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}

func notFound(w http.ResponseWriter, key string) {
	kind, name, _ := strings.Cut(key, "/")
	answerStatus(w, metav1.Status{Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound, Message: fmt.Sprintf("%s %q not found", kind, name)})
}

func conflict(w http.ResponseWriter, reason metav1.StatusReason, message string) {
	answerStatus(w, metav1.Status{Code: http.StatusConflict, Reason: reason, Message: message})
}
