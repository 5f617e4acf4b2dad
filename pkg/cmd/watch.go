package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
)

const (
	// watchAfter keeps the watch out of the way of a build that is done at once.
	watchAfter = 1500 * time.Millisecond
	// watchAgain is the pause after a watch that the API server did not answer.
	watchAgain = 5 * time.Second
)

// watch follows the builder's Pod during a build. It ends the connection to a daemon that is no more, with the reason,
// and tells when the Pod is asked to stop.
func (l *lifeline) watch(ctx context.Context, b *connected) {
	l.factory.observe(ctx, b.member, func(diagnosis cluster.Diagnosis) { l.observed(b, diagnosis) })
}

// observe follows a member until it has ended or ctx does. Where watching is not permitted there is less to tell.
func (f *factory) observe(ctx context.Context, member cluster.Member, changed func(cluster.Diagnosis)) {
	for wait := watchAfter; ; wait = watchAgain {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		c, err := f.cluster()
		if err != nil {
			return
		}
		if err = c.Observe(ctx, member, changed); err == nil || refused(err) {
			return
		}
	}
}

// observed acts on what the cluster says of the builder's Pod.
func (l *lifeline) observed(b *connected, diagnosis cluster.Diagnosis) {
	l.mu.Lock()
	if l.last == b && diagnosis.Over {
		l.diagnosis = &diagnosis
	}
	l.mu.Unlock()
	if diagnosis.Over {
		b.daemon.Fail(errors.New(diagnosis.Message))
		return
	}
	if diagnosis.Cause == cluster.CauseNone {
		return
	}
	l.display.Step(warning(b.member, diagnosis, "this build"))(nil)
}

// warning says what is happening to a member, and how long the work on it may go on.
func warning(member cluster.Member, diagnosis cluster.Diagnosis, work string) string {
	text := fmt.Sprintf("builder %q: %s", member.Builder, diagnosis.Message)
	if !diagnosis.Until.IsZero() {
		text += "; " + work + " may end first, until " + diagnosis.Until.Local().Format(time.TimeOnly)
	}
	return text
}
