package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// answerTimeout is how long a transport to the daemon may take.
const answerTimeout = 20 * time.Second

// attempt is the result of a transport that was tried.
type attempt struct {
	took time.Duration // until the daemon has answered
	err  error
}

// tunnel reports one transport. One that does not reach the daemon is a warning as long as another
// does.
func (d *doctor) tunnel(ctx context.Context, transport tunnel.Transport) checkup.Finding {
	if d.inspection.Adopted() && transport != tunnel.Exec {
		return skipped("the port of an unmanaged daemon is not known")
	}
	if d.inspection.Connection == nil && !d.inspection.Adopted() {
		return skipped("its certificates may not be read")
	}
	tried := d.tryTransports(ctx)[transport]
	if tried.err == nil {
		return ok(map[string]int64{"nanoseconds": int64(tried.took)}, "the daemon answers in %s", milliseconds(tried.took))
	}
	finding := failed(tried.err)
	best := d.bestTransport(ctx)
	if best == "" || driver.Unauthenticated(tried.err) {
		return finding // builds check the certificates before they use exec
	}
	var forbidden *tunnel.ForbiddenError
	if errors.As(tried.err, &forbidden) {
		return skipped("%s, and %s does", finding.Message, best)
	}
	finding.Status, finding.Remedy = checkup.Warning, fmt.Sprintf("builds use %s: --transport %s", best, best)
	return finding
}

// tryTransports tries each transport once, to the first member that is ready.
func (d *doctor) tryTransports(ctx context.Context) map[tunnel.Transport]attempt {
	if d.attempts != nil {
		return d.attempts
	}
	d.attempts = map[tunnel.Transport]attempt{}
	for _, member := range d.inspection.Members {
		if member.Err != nil {
			continue
		}
		for _, transport := range []tunnel.Transport{tunnel.WebSocket, tunnel.SPDY, tunnel.Exec} {
			start := time.Now()
			_, err := d.ask(ctx, transport, member.Member)
			d.attempts[transport] = attempt{took: time.Since(start), err: err}
		}
		break
	}
	return d.attempts
}

// bestTransport returns the first that reaches the daemon; empty when none does.
func (d *doctor) bestTransport(ctx context.Context) tunnel.Transport {
	for _, transport := range []tunnel.Transport{tunnel.WebSocket, tunnel.SPDY, tunnel.Exec} {
		if tried, ok := d.tryTransports(ctx)[transport]; ok && tried.err == nil {
			return transport
		}
	}
	return ""
}

// ask opens a tunnel of exactly that kind and returns what the daemon is.
func (d *doctor) ask(ctx context.Context, transport tunnel.Transport, member cluster.Member) (*solve.Info, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer over %s in %s", transport, answerTimeout))
	defer cancel()
	return d.Info(ctx, transport, member, d.inspection.Connection)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
