package testcluster

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/moby/spdystream/spdy"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	protocols "k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/streaming/pkg/httpstream"
)

const (
	errorStream spdy.StreamId = 1
	dataStream  spdy.StreamId = 3
)

// forward is a kubelet's port-forward over SPDY, to the daemon of the Pod. The frames are read here
// and not by spdystream, whose goroutines outlive a connection that ends early, and so a test's
// bubble.
func (c *Cluster) forward(w http.ResponseWriter, r *http.Request, pod string) {
	c.mu.Lock()
	daemon, exists := c.daemons[pod], c.objects["pods/"+pod] != nil
	c.mu.Unlock()
	if !exists {
		answerStatus(w, metav1.Status{Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound, Message: fmt.Sprintf("pods %q not found", pod)})
		return
	}
	if r.Method != http.MethodPost {
		http.Error(w, "want POST", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set(httpstream.HeaderConnection, httpstream.HeaderUpgrade)
	w.Header().Set(httpstream.HeaderUpgrade, "SPDY/3.1")
	w.Header().Set(httpstream.HeaderProtocolVersion, protocols.PortForwardV1Name)
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		c.t.Errorf("upgrading: %v", err)
		return
	}
	c.mu.Lock()
	c.tunnels = append(c.tunnels, conn)
	c.mu.Unlock()
	f := &forwarding{conn: conn, delay: c.Delay}
	defer f.end()
	if f.framer, err = spdy.NewFramer(conn, buffered); err != nil {
		c.t.Errorf("upgrading: %v", err)
		return
	}
	f.serve(r.Context(), daemon)
}

// forwarding is one request, with its two streams.
type forwarding struct {
	conn   net.Conn
	delay  time.Duration // of what the Pod sends
	mu     sync.Mutex    // of writes to the framer
	framer *spdy.Framer
	pod    net.Conn
}

func (f *forwarding) end() {
	_ = f.conn.Close()
	if f.pod != nil {
		_ = f.pod.Close()
	}
}

func (f *forwarding) write(frames ...spdy.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, frame := range frames {
		_ = f.framer.WriteFrame(frame)
	}
}

func (f *forwarding) serve(ctx context.Context, daemon *Daemon) {
	for {
		frame, err := f.framer.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *spdy.SynStreamFrame:
			f.write(&spdy.SynReplyFrame{StreamId: frame.StreamId, Headers: http.Header{}})
			if frame.StreamId == dataStream && !f.open(ctx, daemon) {
				return
			}
		case *spdy.PingFrame:
			f.write(frame)
		case *spdy.DataFrame:
			if frame.StreamId == dataStream && f.pod != nil {
				_, _ = f.pod.Write(frame.Data)
			}
		case *spdy.RstStreamFrame, *spdy.GoAwayFrame:
			return
		}
	}
}

// open connects the data to the daemon; where none listens, it reports what a kubelet does.
func (f *forwarding) open(ctx context.Context, daemon *Daemon) bool {
	pod, err := daemon.dial(ctx)
	if err != nil {
		text := `error forwarding port 1234 to pod 0a1b, uid : failed to connect to localhost:1234 inside namespace "0a1b", ` +
			`IPv4: dial tcp4 127.0.0.1:1234: connect: connection refused `
		f.write(&spdy.DataFrame{StreamId: errorStream, Data: []byte(text)},
			&spdy.RstStreamFrame{StreamId: dataStream, Status: spdy.Cancel}, &spdy.RstStreamFrame{StreamId: errorStream, Status: spdy.Cancel})
		return false
	}
	f.pod = pod
	arrived := make(chan arrival, 1024)
	go func() {
		defer close(arrived)
		for {
			buffer := make([]byte, 32<<10)
			n, err := pod.Read(buffer)
			if n > 0 {
				arrived <- arrival{buffer[:n], time.Now().Add(f.delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	go func() {
		for each := range arrived {
			time.Sleep(time.Until(each.due))
			f.write(&spdy.DataFrame{StreamId: dataStream, Data: each.data})
		}
		f.write(&spdy.DataFrame{StreamId: dataStream, Flags: spdy.DataFlagFin})
		_ = f.conn.Close()
	}()
	return true
}

// arrival is what the Pod has sent, and when it arrives at the client.
type arrival struct {
	data []byte
	due  time.Time
}

// Cut ends every tunnel, as a dying API server does.
func (c *Cluster) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tunnel := range c.tunnels {
		_ = tunnel.Close()
	}
	c.tunnels = nil
}
