package driver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// steps is the part of the display that a reconnector needs.
type steps interface {
	Step(name string) (end func(error))
}

// reconnector keeps a build on a builder: it watches the Pod, shows losses, and finds the builder
// again. The daemon that a build is on leads to what is known of its Pod.
type reconnector struct {
	driver  *Driver
	options BuildOptions
	trust   trustFunc
	display steps
	ending  context.Context // ends with the build, and with it the watches
	watches sync.WaitGroup

	mu          sync.Mutex
	connections map[*solve.Daemon]*Connection
	last        *Connection        // the one that was opened last
	diagnosis   *cluster.Diagnosis // of its Pod, if that is known to have ended
}

func newReconnector(ctx context.Context, d *Driver, options BuildOptions, display steps, c *Connection) *reconnector {
	r := &reconnector{driver: d, options: options, trust: trustsNothing, display: display, ending: ctx, connections: map[*solve.Daemon]*Connection{}}
	r.add(c)
	return r
}

func (r *reconnector) add(c *Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connections[c.Daemon], r.last, r.diagnosis = c, c, nil
	r.watches.Go(func() {
		r.driver.observe(r.ending, c.Member, func(diagnosis cluster.Diagnosis) { r.observed(c, diagnosis) })
	})
}

// of is the connection that the daemon belongs to.
func (r *reconnector) of(d *solve.Daemon) *Connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.connections[d]
}

func (r *reconnector) current() (*Connection, *cluster.Diagnosis) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last, r.diagnosis
}

// notice shows a loss, and when it was overcome. Each is a step that ends at once: the plain
// display shows a step that lasts only after up to ten seconds.
func (r *reconnector) notice(lost *solve.LostError) (over func(error)) {
	c, diagnosis := r.current()
	var silent *solve.SilentError
	what := causeOf(lost)
	if diagnosis != nil {
		what = diagnosis.Message
	}
	switch {
	case lost.Final == "":
		what += "; connecting again"
	case errors.As(lost, &silent):
		what += "; waiting for it"
	}
	began := time.Now()
	show := func(what string) {
		r.display.Step(fmt.Sprintf("connection to builder %q: %s", c.Member.Builder, what))(nil)
	}
	show(what)
	return func(err error) {
		if err == nil {
			show(fmt.Sprintf("it works again, after %.1fs", time.Since(began).Seconds()))
		}
	}
}

// reconnect finds the builder again: the same member if it still is there, another one, or one that
// was installed again in the meantime.
func (r *reconnector) reconnect(ctx context.Context, lost *solve.LostError) (*solve.Daemon, error) {
	c, _ := r.current()
	if isPermanent(lost) {
		return nil, r.driver.diagnose(ctx, c.Member, lost)
	}
	again, err := retry(ctx, retryPolicy{within: r.options.RetryTimeout, reached: true}, nil, func(ctx context.Context) (*Connection, error) {
		return r.connect(ctx, c)
	})
	if err != nil {
		return nil, r.explain(ctx, c, lost, err)
	}
	if err := r.hopeless(ctx, c, again, lost); err != nil {
		_ = again.Close()
		return nil, err
	}
	if again.reason != "" && again.Member.UID != c.Member.UID {
		r.display.Step(again.reason)(nil)
	}
	r.add(again)
	return again.Daemon, nil
}

// hopeless is not nil for a daemon that was killed for its memory, and would be again.
func (r *reconnector) hopeless(ctx context.Context, before, again *Connection, lost *solve.LostError) error {
	if again.Member.UID != before.Member.UID || again.Member.Restarts == before.Member.Restarts {
		return nil
	}
	err := r.driver.renewed().diagnose(ctx, before.Member, lost)
	var diagnosed *LostError
	if errors.As(err, &diagnosed) && diagnosed.Diagnosis.Cause == cluster.CauseOOMKilled {
		return err
	}
	return nil
}

// connect reads everything again: where the builder is, its certificates, and the user's
// credentials. A builder that this very build has installed is installed again; any other is its
// owner's to restore.
func (r *reconnector) connect(ctx context.Context, before *Connection) (*Connection, error) {
	d := r.driver.renewed()
	trying, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	options := r.options.Connect
	options.preferred = before.Member.Pod
	c, err := d.connect(trying, options, r.trust)
	if err == nil {
		c.installed = before.installed
		return c, nil
	}
	if err = options.goneForGood(err); trying.Err() != nil && ctx.Err() == nil {
		return nil, &solve.LostError{Cause: &solve.SilentError{For: dialTimeout}} // which may pass, unlike the end of the build
	}
	if !before.installed || !isNotFound(err) {
		return nil, err
	}
	if _, err := d.Install(ctx, before.Member.Builder, install.Keep, install.Options{Timeout: r.options.RetryTimeout}); err != nil {
		return nil, err
	}
	if c, err = d.connect(ctx, r.options.Connect, r.trust); err == nil {
		c.installed = true
	}
	return c, err
}

// explain returns what became of a builder that was not found again.
func (r *reconnector) explain(ctx context.Context, c *Connection, lost *solve.LostError, err error) error {
	if ctx.Err() != nil {
		return &solve.CanceledError{Cause: context.Cause(ctx)}
	}
	found := r.driver.renewed().diagnose(ctx, c.Member, lost)
	var diagnosed *LostError
	if errors.As(found, &diagnosed) {
		diagnosed.After = err
		if _, diagnosis := r.current(); diagnosis != nil {
			diagnosed.Diagnosis = *diagnosis // what was seen when it happened is worth more than what is left of it
		}
	}
	return found
}

// lossOf makes a loss of what joining a connection to the builder ended with.
func lossOf(err error) error {
	var (
		lost    *tunnel.LostError
		refused *tunnel.ConnRefusedError
		already *solve.LostError
	)
	if errors.As(err, &already) || !errors.As(err, &lost) && !errors.As(err, &refused) {
		return err
	}
	return &solve.LostError{Cause: err}
}
