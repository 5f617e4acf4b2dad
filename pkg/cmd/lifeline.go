package cmd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// retryOptions say how hard a build clings to its builder.
type retryOptions struct {
	retries int
	within  time.Duration
}

func (o retryOptions) check() error {
	if o.retries < 0 {
		return &optionError{flag: "--retries", value: fmt.Sprint(o.retries), reason: "it is negative", next: "write 0 for none"}
	}
	if o.within <= 0 {
		return &optionError{flag: "--retry-timeout", value: o.within.String(), reason: "it is not a positive duration", next: "write e.g. 5m"}
	}
	return nil
}

// atStart is how long a builder is sought that was not reached yet.
func (o retryOptions) atStart() search {
	if o.retries == 0 {
		return search{}
	}
	return search{within: min(o.within, startPatience)}
}

// tellUnreachable says what is waited for, and how long.
func (f *factory) tellUnreachable(err error) {
	if starting(err) {
		escape.Fprintf(f.streams.ErrOut, "%v; waiting up to %v for it to start\n", err, startingPatience)
		return
	}
	escape.Fprintf(f.streams.ErrOut, "%v; trying again for %v\n", err, startPatience)
}

// lifeline keeps a build on a builder: it watches the Pod, tells of losses, and finds the builder again. The daemon
// that a build is on leads to what is known of its Pod.
type lifeline struct {
	factory *factory
	options *buildOptions
	display *progress.Display
	ending  context.Context // ends with the build, and with it the watches
	watches sync.WaitGroup

	mu        sync.Mutex
	builders  map[*solve.Daemon]*connected
	last      *connected         // the builder that was connected last
	diagnosis *cluster.Diagnosis // of that builder, if its Pod is known to be in trouble
}

func newLifeline(ctx context.Context, f *factory, o *buildOptions, display *progress.Display, b *connected) *lifeline {
	l := &lifeline{factory: f, options: o, display: display, ending: ctx, builders: map[*solve.Daemon]*connected{}}
	l.add(b)
	return l
}

func (l *lifeline) add(b *connected) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.builders[b.daemon], l.last, l.diagnosis = b, b, nil
	l.watches.Go(func() { l.watch(l.ending, b) })
}

// of is the builder that the daemon belongs to.
func (l *lifeline) of(d *solve.Daemon) *connected {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.builders[d]
}

func (l *lifeline) current() (*connected, *cluster.Diagnosis) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, l.diagnosis
}

// notice shows a loss, and when it was overcome. Each is a step that is over as it is told: of one that lasts, the plain
// display says nothing for up to ten seconds.
func (l *lifeline) notice(lost *solve.LostError) (over func(error)) {
	b, diagnosis := l.current()
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
	tell := func(what string) { l.display.Step(fmt.Sprintf("link to builder %q: %s", b.member.Builder, what))(nil) }
	tell(what)
	return func(err error) {
		if err == nil {
			tell(fmt.Sprintf("it works again, after %.1fs", time.Since(began).Seconds()))
		}
	}
}

// causeOf is why the link was lost, without saying again that it was.
func causeOf(lost *solve.LostError) string {
	var link *tunnel.LostError
	if errors.As(lost, &link) {
		return link.Reason
	}
	return lost.Cause.Error()
}

// reconnect finds the builder again: the same member if it still is there, another one, or one that was installed anew
// in the meantime.
func (l *lifeline) reconnect(ctx context.Context, lost *solve.LostError) (*solve.Daemon, error) {
	b, _ := l.current()
	if final(lost) {
		return nil, l.factory.explainLoss(ctx, b, lost)
	}
	again, err := seek(ctx, search{within: l.options.retry.within, found: true}, nil, func(ctx context.Context) (*connected, error) {
		return l.connect(ctx, b)
	})
	if err != nil {
		return nil, l.explain(ctx, b, lost, err)
	}
	if err := l.hopeless(ctx, b, again, lost); err != nil {
		again.close()
		return nil, err
	}
	l.add(again)
	return again.daemon, nil
}

// hopeless is not nil for a daemon that was killed for its memory, and would be again.
func (l *lifeline) hopeless(ctx context.Context, before, again *connected, lost *solve.LostError) error {
	if again.member.UID != before.member.UID || again.member.Restarts == before.member.Restarts {
		return nil
	}
	told := l.factory.renewed().explainLoss(ctx, before, lost)
	var explained *lostError
	if errors.As(told, &explained) && explained.diagnosis.Cause == cluster.CauseOOMKilled {
		return told
	}
	return nil
}

// connect reads all anew: where the builder is, its certificates, and the user's credentials. A builder that this very
// build has installed is installed again; any other is its owner's to restore.
func (l *lifeline) connect(ctx context.Context, before *connected) (*connected, error) {
	f := l.factory.renewed()
	affinity := affinityOf(l.options.contextPath())
	trying, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	b, err := f.connect(trying, l.options.connect, affinity)
	if err == nil {
		b.installed = before.installed
		return b, nil
	}
	if !before.installed || !absent(err) {
		return nil, err
	}
	if _, err := install(ctx, f, before.member.Builder, cluster.Keep, cluster.InstallOptions{Timeout: l.options.retry.within}); err != nil {
		return nil, err
	}
	if b, err = f.connect(ctx, l.options.connect, affinity); err == nil {
		b.installed = true
	}
	return b, err
}

// explain says what became of a builder that was not found again.
func (l *lifeline) explain(ctx context.Context, b *connected, lost *solve.LostError, err error) error {
	if ctx.Err() != nil {
		return &solve.CanceledError{Cause: context.Cause(ctx)}
	}
	told := l.factory.renewed().explainLoss(ctx, b, lost)
	var explained *lostError
	if errors.As(told, &explained) {
		explained.after = err
		if _, diagnosis := l.current(); diagnosis != nil {
			explained.diagnosis = *diagnosis // what was seen when it happened is worth more than what is left of it
		}
	}
	return told
}

// seek tries until it has found something, or further tries are of no use. It tells of the first failure.
func seek[T any](ctx context.Context, s search, tell func(error), try func(context.Context) (T, error)) (T, error) {
	began := time.Now()
	for tries := 1; ; tries++ {
		found, err := try(ctx)
		if err == nil || ctx.Err() != nil {
			return found, err
		}
		pause := s.next(err, tries, time.Since(began))
		if pause < 0 {
			return found, err
		}
		if tries == 1 && tell != nil {
			tell(err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return found, err
		}
	}
}
