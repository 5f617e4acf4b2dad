package cluster

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// NotFoundError says that there is no such builder.
type NotFoundError struct {
	Name, Namespace string
	// Others are the builders of that namespace, as far as listing is permitted.
	Others []string
}

func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("no builder %q in namespace %q", e.Name, e.Namespace)
	if len(e.Others) > 0 {
		text += "; there are: " + strings.Join(e.Others, ", ")
	}
	return text
}

// NotReadyError says that no member of the builder can take a build now.
type NotReadyError struct {
	Name, Namespace, Pod string
	// Reason is what the Pod's status says, e.g. "ImagePullBackOff".
	Reason string
	// Message is the cluster's own explanation; it may be empty.
	Message string
	// Starting says that waiting may help: the Pod is new, or its daemon is being started again.
	Starting bool
	// Ended says that its Pod is over, e.g. evicted, and is not started again: the Pod has to be made anew.
	Ended bool
}

func (e *NotReadyError) Error() string {
	text := fmt.Sprintf("builder %q in namespace %q is not ready: %s", e.Name, e.Namespace, e.Reason)
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// TerminatingError says that the builder is being removed or replaced.
type TerminatingError struct{ Name, Namespace, Pod string }

func (e *TerminatingError) Error() string {
	return fmt.Sprintf("builder %q in namespace %q is terminating", e.Name, e.Namespace)
}

// ForeignError says that an object of that name exists which install did not make, and must not touch.
type ForeignError struct{ Kind, Name, Namespace string }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s %q in namespace %q was not made by install", e.Kind, e.Name, e.Namespace)
}

// UnownedError says that there are Secrets or settings of a builder, but neither its Pods nor the rest: an interrupted
// install has left them, or whoever may write one of them wants to decide what the next install trusts.
type UnownedError struct {
	Name, Namespace string
	// Found are the objects that are there, Missing those that would show whose they are.
	Found, Missing []kube.Reference
}

func (e *UnownedError) Error() string {
	return fmt.Sprintf("namespace %q has %s of a builder %q, but not %s: it is unknown who made it",
		e.Namespace, joined(e.Found), e.Name, joined(e.Missing))
}

// joined is e.g. `Secret "a" and Secret "b"`.
func joined(references []kube.Reference) string {
	texts := make([]string, 0, len(references))
	for _, each := range references {
		texts = append(texts, fmt.Sprintf("%s %q", each.Kind, each.Name))
	}
	return strings.Join(texts, " and ")
}

// ExpiredError is returned when the certificates of the builder, or those that its Pod was started with, cannot be used
// now; unless a clock is wrong, running install again renews them.
type ExpiredError struct {
	Name, Namespace string
	// Pod was not restarted since the builder's certificates were renewed, and those that it uses ended at End. Empty if
	// the builder's own certificates cannot be used.
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

// Permanent reports that the certificates would have to be issued anew, or the daemon restarted.
func (e *ExpiredError) Permanent() bool { return true }

// StartError says why a member does not start, or does not answer.
type StartError struct {
	Name, Namespace, Pod string
	// Reason is one word of the cluster's, e.g. "Unschedulable", "ErrImagePull", "CrashLoopBackOff", "Timeout".
	Reason string
	// Message is the cluster's own explanation.
	Message string
	// Logs are the daemon's last lines, when it ran.
	Logs []string
	// Waited is how long it was given.
	Waited time.Duration
	// Removed are the objects that this install had made and has removed again, Remaining those which are still there.
	Removed, Remaining []kube.Reference
	Err                error
}

func (e *StartError) Error() string {
	text := fmt.Sprintf("builder %q in namespace %q does not start: %s", e.Name, e.Namespace, e.Reason)
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

func (e *StartError) Unwrap() error { return e.Err }
