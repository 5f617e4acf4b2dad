package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

const (
	// watchAfter delays the watch, which a build that is done at once does not need.
	watchAfter = 1500 * time.Millisecond
	// watchAgain is the pause after a watch that the API server did not answer.
	watchAgain = 5 * time.Second
)

// observe follows a member until it has ended or ctx does. Where watching is not permitted it does
// nothing.
func (d *Driver) observe(ctx context.Context, member cluster.Member, changed func(cluster.Diagnosis)) {
	for wait := watchAfter; ; wait = watchAgain {
		if kube.Pause(ctx, wait) != nil {
			return
		}
		c, err := d.Cluster()
		if err != nil {
			return
		}
		if err = c.Observe(ctx, member, changed); err == nil || isDenied(err) {
			return
		}
	}
}

// observed acts on what the cluster reports of the builder's Pod: the connection to a daemon that
// has ended is ended, with the reason, and a Pod that is being deleted is shown.
func (r *reconnector) observed(c *Connection, diagnosis cluster.Diagnosis) {
	r.mu.Lock()
	if r.last == c && diagnosis.Over {
		r.diagnosis = &diagnosis
	}
	r.mu.Unlock()
	if diagnosis.Over {
		c.Daemon.Fail(errors.New(diagnosis.Message))
		return
	}
	if diagnosis.Cause == cluster.CauseNone {
		return
	}
	leaveQueue(c, diagnosis)
	r.display.Step(warning(c.Member, diagnosis, "this build"))(nil)
}

// warning is the text for what is happening to a member, with how long the work on it may go on.
func warning(member cluster.Member, diagnosis cluster.Diagnosis, work string) string {
	text := fmt.Sprintf("builder %q: %s", member.Builder, diagnosis.Message)
	if !diagnosis.Until.IsZero() {
		text += "; " + work + " may end first, until " + diagnosis.Until.Local().Format(time.TimeOnly)
	}
	return text
}
