// Package testcluster is a cluster for tests: an API server, a kubelet that forwards ports, and BuildKit daemons, in
// memory. They speak the real protocols, over connections without a network, so that tests run in a bubble of
// testing/synctest.
package testcluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc/test/bufconn"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Namespace is the one that the cluster has.
const Namespace = "team"

// Object is any Kubernetes object, as JSON.
type Object = map[string]any

// T is a test, or Panic for an example.
type T interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// Panic is for an example, which has no test to fail.
type Panic struct{}

// Helper does nothing.
func (Panic) Helper() {}

// Error panics.
func (Panic) Error(args ...any) { panic(fmt.Sprint(args...)) }

// Errorf panics.
func (Panic) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Fatal panics.
func (Panic) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// Cluster is a cluster for one test.
type Cluster struct {
	t        T
	listener *bufconn.Listener
	server   *http.Server

	mu       sync.Mutex
	refuse   func(r *http.Request, kind, name string) *metav1.Status
	down     error
	logs     string
	denied   []string
	onPod    func(name string)
	version  int
	objects  map[string]Object // by "plural/name"
	watches  map[chan Object]string
	changes  []changed
	requests []string
	daemons  map[string]*Daemon // by Pod
	tunnels  []io.Closer
}

// changed is what a watch that begins later is told.
type changed struct {
	version int
	kind    string
	event   Object
}

// New starts a cluster that has nothing but a namespace.
func New(t T) *Cluster {
	c := &Cluster{
		t: t, listener: bufconn.Listen(64 << 10), objects: map[string]Object{}, watches: map[chan Object]string{}, daemons: map[string]*Daemon{},
	}
	c.server = &http.Server{Handler: c}
	go func() { _ = c.server.Serve(c.listener) }()
	return c
}

// Close ends everything. It is to be called before a bubble ends.
func (c *Cluster) Close() {
	c.Cut()
	_ = c.server.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.daemons {
		d.Stop()
	}
}

// Config returns how to reach the API server. The WebSocket transport has its own
// dialing, to a port where nothing listens.
func (c *Cluster) Config() *rest.Config {
	return &rest.Config{Host: "http://127.0.0.1:1", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		c.mu.Lock()
		down := c.down
		c.mu.Unlock()
		if down != nil {
			return nil, down
		}
		return c.listener.DialContext(ctx)
	}}
}

// Down makes new connections to the API server fail with that error, and ends those that are open; nil ends that.
func (c *Cluster) Down(err error) {
	c.mu.Lock()
	c.down = err
	c.mu.Unlock()
	if err != nil {
		c.Cut()
		_ = c.server.Close()
		c.server = &http.Server{Handler: c}
		c.listener = bufconn.Listen(64 << 10)
		go func() { _ = c.server.Serve(c.listener) }()
	}
}

// Refuse lets a test answer requests, e.g. with Forbidden; nil passes them.
func (c *Cluster) Refuse(refuse func(r *http.Request, kind, name string) *metav1.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = refuse
}

// Requests returns what was asked so far, e.g. "GET pods/buildkitd", without watches.
func (c *Cluster) Requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Forbidden is the answer to a user who may not do this.
func Forbidden(verb, kind, name string) *metav1.Status {
	return &metav1.Status{
		Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden,
		Message: fmt.Sprintf(`%s %q is forbidden: User "jane" cannot %s resource %q in API group "" in the namespace %q`, kind, name, verb, kind, Namespace),
	}
}

// ServeHTTP is the API.
func (c *Cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, rest, found := strings.Cut(r.URL.Path, "/namespaces/"+Namespace)
	if !found {
		_, rest, _ = strings.Cut(r.URL.Path, "/v1")
	}
	parts := append(strings.Split(strings.Trim(rest, "/"), "/"), "", "", "")
	kind, name, sub := parts[0], parts[1], parts[2]
	if sub != "" && sub != "log" {
		kind += "/" + sub
	}
	c.mu.Lock()
	if r.URL.Query().Get("watch") == "" {
		c.requests = append(c.requests, r.Method+" "+strings.TrimSuffix(kind+"/"+name, "/"))
	}
	refuse := c.refuse
	c.mu.Unlock()
	if refuse != nil {
		if status := refuse(r, kind, name); status != nil {
			answerStatus(w, *status)
			return
		}
	}
	switch {
	case r.URL.Path == "/version":
		answer(w, http.StatusOK, Object{"gitVersion": "v1.35.0", "major": "1", "minor": "35"})
	case strings.HasPrefix(kind, "selfsubject"):
		c.review(w, r)
	case kind == "" || kind == "namespaces":
		answer(w, http.StatusOK, Object{"kind": "Namespace", "apiVersion": "v1", "metadata": Object{"name": Namespace, "uid": "uid-namespace"}})
	case sub == "log":
		c.mu.Lock()
		defer c.mu.Unlock()
		_, _ = io.WriteString(w, c.logs)
	case sub == "portforward":
		c.forward(w, r, name)
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "":
		c.watch(w, r, kind)
	case r.Method == http.MethodGet && name == "":
		c.list(w, r, kind)
	default:
		c.one(w, r, kind, name)
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

func (c *Cluster) one(w http.ResponseWriter, r *http.Request, kind, name string) {
	var body Object
	if r.Method != http.MethodGet {
		_ = json.NewDecoder(r.Body).Decode(&body)
	}
	if r.Method == http.MethodPost {
		name, _ = body["metadata"].(Object)["name"].(string)
	}
	key, dry := kind+"/"+name, r.URL.Query().Get("dryRun") != ""
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.objects[key]
	switch {
	case old == nil && r.Method != http.MethodPost && r.Method != http.MethodPatch:
		answerStatus(w, metav1.Status{Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound, Message: fmt.Sprintf("%s %q not found", kind, name)})
	case r.Method == http.MethodGet:
		answer(w, http.StatusOK, old)
	case r.Method == http.MethodDelete:
		c.removeLocked(key)
		answer(w, http.StatusOK, Object{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	case r.Method == http.MethodPost && old != nil:
		answerStatus(w, metav1.Status{Code: http.StatusConflict, Reason: metav1.StatusReasonAlreadyExists, Message: key + " already exists"})
	case old == nil:
		answer(w, http.StatusCreated, c.storeLocked(key, nil, body, dry))
	default:
		answer(w, http.StatusOK, c.storeLocked(key, old, mergedInto(old, body), dry))
	}
}

// mergedInto is a JSON merge patch.
func mergedInto(old, changes Object) Object {
	merged := maps.Clone(old)
	for key, value := range changes {
		child, isObject := value.(Object)
		before, wasObject := merged[key].(Object)
		if isObject && wasObject {
			value = mergedInto(before, child)
		}
		merged[key] = value
	}
	return merged
}

func answer(w http.ResponseWriter, code int, object Object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object)
}

func answerStatus(w http.ResponseWriter, status metav1.Status) {
	status.TypeMeta, status.Status = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, metav1.StatusFailure
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(status.Code))
	_ = json.NewEncoder(w).Encode(status)
}

// ErrRefused is what dialing an API server that is down ends with.
func ErrRefused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}
