package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// LogOptions say which part of a daemon's log is wanted.
type LogOptions struct {
	// Follow goes on with what the daemon writes, until it ends.
	Follow bool
	// Previous is the log of the daemon before its last restart.
	Previous bool
	// Timestamps puts the time before each line.
	Timestamps bool
	// Tail is how many of the last lines are wanted; negative is all.
	Tail int64
	// Since is how far back, in whole seconds; 0 is all.
	Since time.Duration
}

// NoLogError says that a Pod has no such log.
type NoLogError struct {
	Namespace, Pod string
	// Reason is the cluster's own words.
	Reason string
}

func (e *NoLogError) Error() string {
	return fmt.Sprintf("Pod %q in namespace %q has no such log: %s", e.Pod, e.Namespace, e.Reason)
}

// Class returns fault.Failed.
func (*NoLogError) Class() fault.Class { return fault.Failed }

// Logs opens the log of a member's daemon. The caller closes it; ctx ends it.
func (c *Client) Logs(ctx context.Context, member Member, o LogOptions) (io.ReadCloser, error) {
	options := corev1.PodLogOptions{
		Container: member.Container, Follow: o.Follow, Previous: o.Previous, Timestamps: o.Timestamps,
	}
	if o.Tail >= 0 {
		options.TailLines = &o.Tail
	}
	if seconds := int64(o.Since.Round(time.Second).Seconds()); seconds > 0 {
		options.SinceSeconds = &seconds
	}
	log, err := c.StreamLog(ctx, member.Pod, options)
	if status := (*apierrors.StatusError)(nil); errors.As(err, &status) && apierrors.IsBadRequest(err) {
		return nil, &NoLogError{Namespace: member.Namespace, Pod: member.Pod, Reason: status.ErrStatus.Message}
	}
	return log, err
}
