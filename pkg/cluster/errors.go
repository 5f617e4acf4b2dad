package cluster

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// NotFoundError is returned when the builder does not exist.
type NotFoundError struct {
	Name, Namespace string
	// Others are the builders of that namespace, as far as listing is permitted.
	Others []string
	// Unwanted is set where the builder was to be removed.
	Unwanted bool
}

func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("no builder %q in namespace %q", e.Name, e.Namespace)
	if len(e.Others) > 0 {
		text += "; there are: " + strings.Join(e.Others, ", ")
	}
	return text
}

// Class returns fault.Unavailable.
func (*NotFoundError) Class() fault.Class { return fault.Unavailable }

// NotReadyError says that no member of the builder can take a build now.
type NotReadyError struct {
	Name, Namespace, Pod string
	// Reason is what the Pod's status says, e.g. "ImagePullBackOff".
	Reason string
	// Message is the cluster's own explanation; it may be empty.
	Message string
	// Starting says that waiting may help: the Pod is new, or its daemon is being started again.
	Starting bool
	// Ended says that its Pod is over, e.g. evicted, and is not started again: the Pod has to be
	// made anew.
	Ended bool
}

func (e *NotReadyError) Error() string {
	text := fmt.Sprintf("builder %q in namespace %q is not ready: %s", e.Name, e.Namespace, e.Reason)
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Class returns fault.Unavailable.
func (*NotReadyError) Class() fault.Class { return fault.Unavailable }

// TerminatingError says that the builder is being removed or replaced.
type TerminatingError struct{ Name, Namespace, Pod string }

func (e *TerminatingError) Error() string {
	return fmt.Sprintf("builder %q in namespace %q is terminating", e.Name, e.Namespace)
}

// Class returns fault.Unavailable.
func (*TerminatingError) Class() fault.Class { return fault.Unavailable }

// ExpiredError is returned when the certificates of the builder, or those that its Pod was started
// with, cannot be used now; unless a clock is wrong, running install again renews them.
type ExpiredError struct {
	Name, Namespace string
	// Pod was not restarted since the builder's certificates were renewed, and those that it uses
	// ended at End. Empty if the builder's own certificates cannot be used.
	Pod string
	End time.Time
	// Skew is how far this machine's clock is ahead of the API server's.
	Skew time.Duration
	Err  error
}

func (e *ExpiredError) Error() string {
	if e.Pod != "" {
		return fmt.Sprintf("builder %q in namespace %q: Pod %q was not restarted since the certificates were renewed, and those that it uses ended on %s",
			e.Name, e.Namespace, e.Pod, e.End.UTC().Format(time.DateOnly))
	}
	return fmt.Sprintf("builder %q in namespace %q: %v", e.Name, e.Namespace, e.Err)
}

func (e *ExpiredError) Unwrap() error { return e.Err }

// Class returns fault.Unavailable.
func (*ExpiredError) Class() fault.Class { return fault.Unavailable }

// Permanent reports that the certificates would have to be issued anew, or the daemon restarted.
func (e *ExpiredError) Permanent() bool { return true }
