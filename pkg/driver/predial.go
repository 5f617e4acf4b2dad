package driver

import (
	"context"
	"net"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// predial is a tunnel that is being dialed before it is known whether it leads to the right Pod.
type predial struct {
	namespace, pod string
	taken          bool
	done           chan struct{}
	conn           net.Conn // when done
	err            error    // when done
}

// startPredial dials the Pod that a builder of one member has. It returns nil where there is
// nothing to guess: exec needs the name of a container, which only the cluster knows.
func startPredial(ctx context.Context, tunnels tunnel.Dialer, namespace, pod string) *predial {
	if tunnels.Transport == tunnel.Exec {
		return nil
	}
	p := &predial{namespace: namespace, pod: pod, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.conn, p.err = tunnels.Dial(ctx, tunnel.Target{Namespace: namespace, Pod: pod, Port: builder.Port})
	}()
	return p
}

// leadsTo reports whether the guess was right.
func (p *predial) leadsTo(member cluster.Member) bool {
	return p != nil && p.namespace == member.Namespace && p.pod == member.Pod
}

// take waits for the tunnel, which then is the caller's.
func (p *predial) take(ctx context.Context) (net.Conn, error) {
	select {
	case <-p.done:
		p.taken = true
		return p.conn, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// discard closes a tunnel that was not taken, as soon as it is there.
func (p *predial) discard() {
	if p == nil || p.taken {
		return
	}
	go func() {
		<-p.done
		if p.conn != nil {
			_ = p.conn.Close()
		}
	}()
}
