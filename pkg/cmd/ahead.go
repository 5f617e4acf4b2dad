package cmd

import (
	"context"
	"net"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// ahead is a tunnel that is being dialed before anybody knows whether it is the right one.
type ahead struct {
	namespace, pod string
	taken          bool
	done           chan struct{}
	conn           net.Conn // when done
	err            error    // when done
}

// dialAhead dials the Pod that a builder of one member has. It returns nil where there is nothing to guess: exec needs
// the name of a container, which only the cluster knows.
func dialAhead(ctx context.Context, tunnels tunnel.Dialer, namespace, pod string) *ahead {
	if tunnels.Transport == tunnel.Exec {
		return nil
	}
	a := &ahead{namespace: namespace, pod: pod, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.conn, a.err = tunnels.Dial(ctx, tunnel.Target{Namespace: namespace, Pod: pod, Port: builder.Port})
	}()
	return a
}

// leadsTo says that the guess was right.
func (a *ahead) leadsTo(member cluster.Member) bool {
	return a != nil && a.namespace == member.Namespace && a.pod == member.Pod
}

// take waits for the tunnel, which then is the caller's.
func (a *ahead) take(ctx context.Context) (net.Conn, error) {
	select {
	case <-a.done:
		a.taken = true
		return a.conn, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// discard closes a tunnel that nobody took, as soon as it is there.
func (a *ahead) discard() {
	if a == nil || a.taken {
		return
	}
	go func() {
		<-a.done
		if a.conn != nil {
			_ = a.conn.Close()
		}
	}()
}
