package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/placement"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// How long members that have not answered are waited for once one has: twice as long as that one
// took, within these bounds. A member on a node that is unreachable would hold every build up. One
// that is only slow has the cache, which is worth seconds: of 24 builds that were started at once
// on a busy machine, 8 did not wait long enough for their first choice with half of this.
const (
	shortestGrace = time.Second
	longestGrace  = 5 * time.Second
	// preferredGrace is for the member that a lost build was on: its steps still run there.
	preferredGrace = 5 * time.Second
)

// errNoAnswer is of a member that was not waited for.
var errNoAnswer = errors.New("it did not answer in time")

// contest is the choice of a member. All candidates are connected to and asked for their load side
// by side, while their Pods are read: the load takes the round trip that reading the Pod took
// before.
type contest struct {
	driver  *Driver
	reached *reached
	options ConnectOptions
	order   []string
	errs    map[string]error // of members that cannot be used
}

// contender is what is known of a candidate.
type contender struct {
	index  int
	member cluster.Member
	daemon *solve.Daemon // nil if err is not
	builds int
	err    error
}

// choose connects to the member that the placement prefers.
func (d *Driver) choose(ctx context.Context, r *reached, o ConnectOptions) (*Connection, error) {
	d.renewCertificates(ctx, r.cluster, o, r)
	c := &contest{driver: d, reached: r, options: o, order: r.order(o), errs: map[string]error{}}
	for pods := range slices.Chunk(c.order, cluster.SideBySide) {
		connection, err := c.among(ctx, pods)
		if connection != nil {
			c.warn()
			return connection, nil
		}
		if err != nil {
			return nil, err
		}
	}
	err := r.cluster.WithProgress(ctx, c.failure())
	if r.pinned != "" {
		err = &MemberError{Builder: o.Builder, Pod: r.pinned, Err: err}
	}
	return nil, err
}

// order is the order in which the members are tried.
func (r *reached) order(o ConnectOptions) []string {
	if r.pinned != "" {
		return []string{r.pinned}
	}
	order := placement.Prefer(r.at.Pods(), o.Affinity, o.Target)
	if i := slices.Index(order, o.preferred); i > 0 {
		order = slices.Insert(slices.Delete(order, i, i+1), 0, o.preferred)
	}
	return order
}

// among connects to one of these Pods. It returns nothing if none of them can be used, and an error
// only at the end of ctx.
func (c *contest) among(ctx context.Context, pods []string) (*Connection, error) {
	asking, stop := context.WithCancel(ctx)
	answers := make(chan *contender, len(pods))
	for i, pod := range pods {
		go func() { answers <- c.ask(asking, i, pod, len(pods) > 1) }()
	}
	loads, found, left := make([]placement.Load, len(pods)), make([]*contender, len(pods)), len(pods)
	var winner *contender
	defer func() {
		stop()
		go discard(found, winner, answers, left)
	}()
	began := time.Now()
	var late <-chan time.Time
	for {
		if choice, decided := placement.Choose(loads, int(c.reached.certificates.MaxBuilds)); decided {
			winner = found[choice.Index]
			return c.connection(winner, choice), nil
		}
		if left == 0 {
			return nil, nil
		}
		select {
		case answer := <-answers:
			left--
			found[answer.index], loads[answer.index] = answer, placement.Load{State: placement.Known, Builds: answer.builds}
			if answer.err != nil {
				loads[answer.index] = placement.Load{State: placement.Unusable}
				c.errs[pods[answer.index]] = answer.err
			} else if late == nil {
				late = time.After(c.grace(time.Since(began)))
			}
		case <-late:
			for i := range loads {
				if loads[i].State == placement.Pending {
					loads[i].State, c.errs[pods[i]] = placement.Unusable, errNoAnswer
				}
			}
		case <-ctx.Done():
			return nil, &solve.CanceledError{Cause: context.Cause(ctx)}
		}
	}
}

func (c *contest) grace(taken time.Duration) time.Duration {
	if c.options.preferred != "" {
		return preferredGrace
	}
	return min(max(2*taken, shortestGrace), longestGrace)
}

// discard closes the connections that were not chosen, also those that are still being opened.
func discard(found []*contender, winner *contender, answers <-chan *contender, left int) {
	for range left {
		found = append(found, <-answers)
	}
	for _, each := range found {
		if each != nil && each != winner && each.daemon != nil {
			_ = each.daemon.Close()
		}
	}
}

// ask connects to a member, and asks for its load where that matters.
func (c *contest) ask(ctx context.Context, index int, pod string, loaded bool) *contender {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	looked := make(chan cluster.Candidate, 1)
	look := func() bool {
		candidate := c.reached.cluster.Look(ctx, c.reached.at, pod)
		looked <- candidate
		if candidate.Err != nil {
			stop() // whatever the connection shows
		}
		return candidate.Err == nil
	}
	a := &contender{index: index, member: cluster.Member{
		Builder: c.options.Builder, Namespace: c.reached.cluster.Namespace(), Pod: pod, Container: builder.ContainerName,
	}}
	// A command is run only in a Pod that is known to be a member; a port is only connected to.
	if c.reached.tunnels.Transport != tunnel.Exec {
		go look()
	} else if !look() {
		a.err = (<-looked).Err
		return a
	}
	a.daemon, a.err = c.driver.open(asking, c.reached.tunnels, nil, a.member, c.reached.certificates)
	if a.err == nil && loaded && pod != c.options.preferred {
		a.builds, a.err = loadOf(asking, a.daemon)
	}
	candidate := <-looked
	a.member = candidate.Member
	if a.daemon != nil {
		a.daemon.SetLimit(limitOf(a.member, c.reached.certificates)) // now that the Pod is known
	}
	a.err = cmp.Or(candidate.Err, c.driver.untrusted(a.member, a.err))
	if a.err != nil && a.daemon != nil {
		_ = a.daemon.Close()
		a.daemon = nil
	}
	return a
}

// loadOf returns the number of builds that the daemon has. One that cannot report them works none
// the less, and counts as idle.
func loadOf(ctx context.Context, daemon *solve.Daemon) (int, error) {
	var (
		lost     *solve.LostError
		mismatch *solve.TLSError
		canceled *solve.CanceledError
	)
	builds, err := daemon.ActiveBuilds(ctx)
	if errors.As(err, &lost) || errors.As(err, &mismatch) || errors.As(err, &canceled) {
		return 0, err
	}
	return len(builds), nil
}

// warn reports members that do not have the builder's certificates, though another one is used:
// each may be another's Pod that took the place of a member.
func (c *contest) warn() {
	for _, pod := range c.order {
		if err := c.errs[pod]; Unauthenticated(err) {
			c.driver.warnOnce(err)
		}
	}
}

// failure is why no member can be used: one that is not what it should be comes first, then what
// may pass.
func (c *contest) failure() error {
	rank := func(pod string) int {
		switch err := c.errs[pod]; {
		case Unauthenticated(err):
			return 0
		case isTransient(err), isStarting(err):
			return 1
		}
		return 2
	}
	return c.errs[slices.MinFunc(c.order, func(a, b string) int { return rank(a) - rank(b) })]
}

// connection is that to the member that was chosen.
func (c *contest) connection(winner *contender, choice placement.Choice) *Connection {
	connection := &Connection{Member: winner.member, Certificates: c.reached.certificates, Daemon: winner.daemon}
	first, on := c.order[0], fmt.Sprintf("building on %q", winner.member.Pod)
	switch {
	case len(c.reached.at.Pods()) == 1:
	case c.reached.pinned != "":
		connection.reason = on + ", as requested"
	case winner.member.Pod == c.options.preferred:
	case winner.member.Pod == first:
		connection.reason = on + ": the first choice for this context"
	case choice.Why == placement.Busy:
		connection.reason = fmt.Sprintf("%s: %q, the first choice, has %d builds already, the mean is %.1f", on, first, choice.Builds, choice.Mean)
	default:
		connection.reason = fmt.Sprintf("%s: %q, the first choice, %s", on, first, briefly(c.errs[first]))
	}
	return connection
}

// briefly says why a member is not used, for a line of the progress.
func briefly(err error) string {
	var (
		terminating *cluster.TerminatingError
		notReady    *cluster.NotReadyError
	)
	switch {
	case errors.As(err, &terminating):
		return "is terminating"
	case errors.As(err, &notReady) && notReady.Reason == cluster.ReasonMissing:
		return "does not exist"
	case errors.As(err, &notReady):
		return fmt.Sprintf("is not ready (%s)", notReady.Reason)
	case Unauthenticated(err):
		return "does not have the certificates of the builder"
	case isDenied(err):
		return "is not permitted to you"
	case errors.Is(err, errNoAnswer):
		return "did not answer in time"
	}
	return "cannot be reached"
}
