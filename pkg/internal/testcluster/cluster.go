// Package testcluster is a cluster for tests: an API server, a kubelet that forwards ports, and
// BuildKit daemons, in memory. They speak the real protocols, over connections without a network,
// so that tests run in a bubble of testing/synctest.
package testcluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Namespace is the one that the cluster has.
const Namespace = "team"

// NamespaceUID is its UID.
const NamespaceUID = "uid-team"

// dryRun is how the requests end that change nothing.
const dryRun = " dry"

// Object is any Kubernetes object, as JSON.
type Object = map[string]any

// T is a test, or Panic for an example.
type T interface {
	Helper()
	Cleanup(end func())
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// Panic is for an example, which has no test to fail.
type Panic struct{}

// Helper does nothing.
func (Panic) Helper() {}

// Cleanup does nothing: an example closes its cluster.
func (Panic) Cleanup(func()) {}

// Error panics.
func (Panic) Error(args ...any) { panic(fmt.Sprint(args...)) }

// Errorf panics.
func (Panic) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Fatal panics.
func (Panic) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// Cluster is a cluster for one test. Its exported fields are set before it is asked.
type Cluster struct {
	// Ahead is how far the API server's clock is ahead of the client's.
	Ahead time.Duration
	// Delay is how long every answer takes.
	Delay time.Duration
	// Lingers is how long a Pod that is deleted takes to end.
	Lingers time.Duration
	// Unserved is a kind, e.g. "secrets", that is answered without an API, as a proxy in between
	// does.
	Unserved string
	// Labels are those of the namespace.
	Labels Object

	t        T
	listener *listener
	server   *http.Server

	mu         sync.Mutex
	refuse     func(r *http.Request, kind, name string) *metav1.Status
	down       error
	logs       string
	denied     []string
	onPod      func(name string)
	version    int
	objects    map[string]Object // by "plural/name"
	watches    map[chan Object]string
	watchesEnd chan struct{} // closed when they do
	changes    []changed
	requests   []string
	rounds     rounds
	daemons    map[string]*Daemon // by Pod
	tunnels    []io.Closer
}

// changed is what a watch that begins later is told.
type changed struct {
	version int
	kind    string
	event   Object
}

// New starts a cluster that has nothing but a namespace. It ends with the test.
func New(t T) *Cluster {
	c := &Cluster{
		t: t, objects: map[string]Object{}, watches: map[chan Object]string{}, daemons: map[string]*Daemon{},
		watchesEnd: make(chan struct{}),
	}
	c.serve()
	t.Cleanup(c.Close)
	return c
}

// serve starts the API server.
func (c *Cluster) serve() {
	listener, server := newListener(), &http.Server{Handler: c}
	c.mu.Lock()
	c.listener, c.server = listener, server
	c.mu.Unlock()
	go func() { _ = server.Serve(listener) }()
}

// stop ends the API server.
func (c *Cluster) stop() {
	c.Cut()
	c.mu.Lock()
	server := c.server
	c.mu.Unlock()
	_ = server.Close()
}

// Close ends everything, before its test does.
func (c *Cluster) Close() {
	c.stop()
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
		down, listener := c.down, c.listener
		c.mu.Unlock()
		if down != nil {
			return nil, down
		}
		return listener.dial(ctx)
	}}
}

// Down makes new connections to the API server fail with that error, and ends those that are open;
// nil ends that.
func (c *Cluster) Down(err error) {
	c.mu.Lock()
	c.down = err
	c.mu.Unlock()
	if err != nil {
		c.stop()
		c.serve()
	}
}

// ServeHTTP is the API.
func (c *Cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.rounds.pass(c.Delay)
	if c.Ahead != 0 {
		w.Header().Set("Date", time.Now().Add(c.Ahead).UTC().Format(http.TimeFormat))
	}
	_, rest, found := strings.Cut(r.URL.Path, "/namespaces/"+Namespace)
	if !found {
		_, rest, _ = strings.Cut(r.URL.Path, "/v1")
	}
	parts := append(strings.Split(strings.Trim(rest, "/"), "/"), "", "", "")
	kind, name, sub := parts[0], parts[1], parts[2]
	if found && kind == "" {
		kind, name = "namespaces", Namespace
	}
	if sub != "" && sub != "log" {
		kind += "/" + sub
	}
	query, dry := r.URL.Query(), ""
	if query.Has("dryRun") {
		dry = dryRun
	}
	c.mu.Lock()
	if !query.Has("watch") {
		c.requests = append(c.requests, r.Method+" "+strings.TrimSuffix(kind+"/"+name, "/")+dry)
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
	case c.Unserved != "" && kind == c.Unserved:
		http.NotFound(w, r)
	case r.URL.Path == "/version":
		answer(w, http.StatusOK, Object{"gitVersion": "v1.35.0", "major": "1", "minor": "35"})
	case strings.HasPrefix(kind, "selfsubject"):
		c.review(w, r)
	case kind == "namespaces" && name != "":
		answer(w, http.StatusOK, Object{"kind": "Namespace", "apiVersion": "v1", "metadata": Object{"name": Namespace, "uid": NamespaceUID, "labels": c.Labels}})
	case sub == "log":
		c.mu.Lock()
		defer c.mu.Unlock()
		_, _ = io.WriteString(w, c.logs)
	case sub == "portforward":
		c.forward(w, r, name)
	case r.Method == http.MethodGet && query.Has("watch"):
		c.watch(w, r, kind)
	case r.Method == http.MethodGet && name == "":
		c.list(w, r, kind)
	default:
		c.one(w, r, kind, name)
	}
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
