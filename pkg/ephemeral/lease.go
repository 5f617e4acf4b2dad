package ephemeral

import (
	"context"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

const (
	// leaseTime is how long a builder outlives the last word of its client. The Job's own deadline
	// says it, which counts from the start of the Job: no clock of this machine matters.
	leaseTime = 90 * time.Second
	// leaseRenewed is how often the deadline is put off, and leaseRetried how soon again after that
	// has failed.
	leaseRenewed = 20 * time.Second
	leaseRetried = 5 * time.Second
	// leaseAsked is how long one try may take.
	leaseAsked = 10 * time.Second
)

// lease puts off the deadline of a Job while its client lives.
type lease struct {
	stop  context.CancelFunc
	ended chan struct{}
}

// keep begins a lease on a Job that was made after began. It outlives ctx: a build that is
// interrupted may still need its builder for a moment.
func keep(ctx context.Context, c *cluster.Client, renewed func() (*cluster.Client, error), job *batchv1.Job, began time.Time) *lease {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &lease{stop: stop, ended: make(chan struct{})}
	job = job.DeepCopy()
	go func() {
		defer close(l.ended)
		for pause := leaseRenewed; kube.Pause(ctx, pause) == nil; {
			pause = leaseRenewed
			switch err := putOff(ctx, c, job, time.Since(began)+leaseTime); {
			case isGone(err):
				return
			case err != nil && ctx.Err() == nil:
				pause = leaseRetried
				if again, err := renewed(); err == nil {
					c = again
				}
			}
		}
	}()
	return l
}

// putOff lets the Job live until that time after its start. Its controller may change it meanwhile,
// so any version of it is meant.
func putOff(ctx context.Context, c *cluster.Client, job *batchv1.Job, until time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, leaseAsked)
	defer cancel()
	fields := map[string]any{
		"metadata": map[string]any{"resourceVersion": nil},
		"spec":     map[string]any{"activeDeadlineSeconds": int64(until.Seconds())},
	}
	return c.Patch(ctx, kube.KindJob, job, fields, false)
}

// isGone reports whether the Job does not exist any more, or another one has its name.
func isGone(err error) bool { return apierrors.IsNotFound(err) || kube.IsConflict(err) }

// end ends the lease; a nil one has ended.
func (l *lease) end() {
	if l != nil {
		l.stop()
		<-l.ended
	}
}
