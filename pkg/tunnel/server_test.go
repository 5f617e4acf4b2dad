package tunnel_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gwebsocket "github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	protocols "k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// apiServer is the part of an API server, a kubelet and a container runtime that carries
// port-forward: the real protocols, in front of a TCP listener that stands for the Pod's port.
type apiServer struct {
	*httptest.Server
	t *testing.T

	// refuseWebSocket answers WebSocket as an old server or a proxy does.
	refuseWebSocket http.HandlerFunc
	// refuse answers every request.
	refuse http.HandlerFunc
	// pod is the address that the Pod's port stands for; empty means that nothing listens.
	pod string
	// serve takes over from the default, which copies between the data stream and pod.
	serve func(errors, data httpstream.Stream)

	requests, webSockets, spdys atomic.Int32
	mu                          sync.Mutex
	links                       []io.Closer
	orders                      []string
}

func newServer(t *testing.T) *apiServer {
	s := &apiServer{t: t}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.cut()
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func (s *apiServer) config() *rest.Config { return &rest.Config{Host: s.URL} }

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	if s.refuse != nil {
		s.refuse(w, r)
		return
	}
	if r.URL.Path != "/api/v1/namespaces/team/pods/buildkitd/portforward" {
		answer(w, http.StatusNotFound, metav1.StatusReasonNotFound, `pods "buildkitd" not found`)
		return
	}
	if gwebsocket.IsWebSocketUpgrade(r) {
		if s.refuseWebSocket != nil {
			s.refuseWebSocket(w, r)
			return
		}
		s.webSockets.Add(1)
		s.webSocket(w, r)
		return
	}
	if r.Method != http.MethodPost {
		http.Error(w, "want POST", http.StatusMethodNotAllowed)
		return
	}
	s.spdys.Add(1)
	if _, err := httpstream.Handshake(r, w, []string{protocols.PortForwardV1Name}); err != nil {
		return
	}
	forwards := s.forwards()
	s.hold(spdy.NewResponseUpgrader().UpgradeResponse(w, r, forwards))
}

func (s *apiServer) webSocket(w http.ResponseWriter, r *http.Request) {
	upgrader := gwebsocket.Upgrader{Subprotocols: []string{protocols.WebsocketsSPDYTunnelingPortForwardV1}}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.t.Errorf("upgrading: %v", err)
		return
	}
	link, err := spdy.NewServerConnection(portforward.NewTunnelingConnection("server", socket), s.forwards())
	if err != nil {
		s.t.Errorf("upgrading: %v", err)
		return
	}
	s.hold(link)
}

// hold keeps the handler, and with it the connection, until it ends.
func (s *apiServer) hold(link httpstream.Connection) {
	if link == nil {
		return
	}
	s.mu.Lock()
	s.links = append(s.links, link)
	s.mu.Unlock()
	<-link.CloseChan()
	_ = link.Close()
}

// cut ends every tunnel as a dying API server does.
func (s *apiServer) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, link := range s.links {
		_ = link.Close()
	}
	s.links = nil
}

// forwards pairs the streams as a kubelet does.
func (s *apiServer) forwards() httpstream.NewStreamHandler {
	var mu sync.Mutex
	pair := map[string]httpstream.Stream{}
	return func(stream httpstream.Stream, replySent <-chan struct{}) error {
		headers := stream.Headers()
		if headers.Get(corev1.PortHeader) != "1234" || headers.Get(corev1.PortForwardRequestIDHeader) == "" {
			return fmt.Errorf("wrong headers: %v", headers)
		}
		kind := headers.Get(corev1.StreamType)
		mu.Lock()
		defer mu.Unlock()
		pair[kind] = stream
		s.mu.Lock()
		s.orders = append(s.orders, fmt.Sprint(stream.Identifier(), kind))
		s.mu.Unlock()
		if len(pair) == 2 {
			errors, data := pair[corev1.StreamTypeError], pair[corev1.StreamTypeData]
			go func() {
				<-replySent
				if s.serve != nil {
					s.serve(errors, data)
					return
				}
				s.toPod(errors, data)
			}()
		}
		return nil
	}
}

// toPod copies as containerd does: both directions end when one does.
func (s *apiServer) toPod(errors, data httpstream.Stream) {
	pod, err := net.Dial("tcp", s.pod)
	if err != nil {
		refusal(errors, data)
		return
	}
	defer func() { _ = errors.Close(); _ = data.Close(); _ = pod.Close() }()
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(pod, data); done <- struct{}{} }()
	go func() { _, _ = io.Copy(data, pod); done <- struct{}{} }()
	<-done
}

// refusal says what a kubelet says, in its order.
func refusal(errors, data httpstream.Stream) {
	_, _ = fmt.Fprint(errors, `error forwarding port 1234 to pod 0a1b, uid : failed to execute portforward in network `+
		`namespace "/var/run/netns/cni-1": failed to connect to localhost:1234 inside namespace "0a1b", `+
		`IPv4: dial tcp4 127.0.0.1:1234: connect: connection refused IPv6 dial tcp6 [::1]:1234: connect: connection refused `)
	_ = data.Reset()
	_ = errors.Reset()
}

// answer is an API server's Status.
func answer(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
}

// echo is a Pod's port that sends back what it gets; the address is where it listens.
func echo(t *testing.T) string {
	return listen(t, func(conn net.Conn) { _, _ = io.Copy(conn, conn) })
}

func listen(t *testing.T, handle func(net.Conn)) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func target() tunnel.Target {
	return tunnel.Target{
		Namespace: "team", Pod: "buildkitd", Port: 1234, Container: "buildkitd", Command: []string{"buildctl", "dial-stdio"},
	}
}

func dial(t *testing.T, s *apiServer, transport tunnel.Transport) net.Conn {
	t.Helper()
	conn, err := tunnel.Dialer{Config: s.config(), Transport: transport}.Dial(t.Context(), target())
	if err != nil {
		t.Fatalf("dialing over %s: %v", transport, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// within fails the test when the function takes longer.
func within(t *testing.T, limit time.Duration, what string, function func()) {
	t.Helper()
	start := time.Now()
	done := make(chan struct{})
	go func() { defer close(done); function() }()
	select {
	case <-done:
		if took := time.Since(start); took > limit {
			t.Errorf("%s took %s, want at most %s", what, took, limit)
		}
	case <-time.After(limit + 5*time.Second):
		t.Fatalf("%s did not return", what)
	}
}

func contains(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q does not contain %q", text, part)
	}
}
