package cluster

import (
	"fmt"
	"strings"
	"time"
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

// NamespaceNotFoundError says that the namespace itself does not exist.
type NamespaceNotFoundError struct{ Namespace string }

func (e *NamespaceNotFoundError) Error() string {
	return fmt.Sprintf("no namespace %q", e.Namespace)
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

// ForbiddenError says which permission lacks.
type ForbiddenError struct {
	// User is who asked, e.g. "system:serviceaccount:team:ci".
	User string
	// Verb, Resource, Namespace and Name are the permission, e.g. "create" on "pods/portforward".
	Verb, Resource, Namespace, Name string
	// Err is the server's own words.
	Err error
}

func (e *ForbiddenError) Error() string {
	who := "you"
	if e.User != "" {
		who = fmt.Sprintf("user %q", e.User)
	}
	text := fmt.Sprintf("%s may not %s %s", who, e.Verb, e.Resource)
	if e.Name != "" {
		text += fmt.Sprintf(" %q", e.Name)
	}
	if e.Namespace != "" {
		text += fmt.Sprintf(" in namespace %q", e.Namespace)
	}
	return text
}

func (e *ForbiddenError) Unwrap() error { return e.Err }

// UnauthorizedError says that the cluster does not know who is asking.
type UnauthorizedError struct {
	Host    string
	Expired *Expiry // nil if the user's credentials are within their time, as far as they tell
	Err     error
}

func (e *UnauthorizedError) Error() string {
	if e.Expired != nil {
		return fmt.Sprintf("cluster %s does not accept these credentials: the %s expired on %s",
			e.Host, e.Expired.What, e.Expired.When.Format("2006-01-02 15:04 MST"))
	}
	return fmt.Sprintf("cluster %s does not accept these credentials: %v", e.Host, e.Err)
}

func (e *UnauthorizedError) Unwrap() error { return e.Err }

// UnreachableError says that the API server did not answer.
type UnreachableError struct {
	Host string
	Err  error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cluster %s does not answer: %v", e.Host, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// RefusedError says that the cluster refuses an object: Pod Security, a quota, a webhook, or a value it finds invalid.
type RefusedError struct {
	// By is who refused: "Pod Security", "quota", "webhook NAME", or "validation".
	By string
	// Kind, Name and Namespace are the object, e.g. "Pod" "buildkitd" in "team".
	Kind, Name, Namespace string
	// Message is the cluster's own words.
	Message string
	Err     error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s refuses %s %q in namespace %q: %s", e.By, e.Kind, e.Name, e.Namespace, e.Message)
}

func (e *RefusedError) Unwrap() error { return e.Err }

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
	Found, Missing []Reference
}

func (e *UnownedError) Error() string {
	return fmt.Sprintf("namespace %q has %s of a builder %q, but not %s: it is unknown who made it",
		e.Namespace, joined(e.Found), e.Name, joined(e.Missing))
}

// joined is e.g. `Secret "a" and Secret "b"`.
func joined(references []Reference) string {
	texts := make([]string, 0, len(references))
	for _, each := range references {
		texts = append(texts, fmt.Sprintf("%s %q", each.Kind, each.Name))
	}
	return strings.Join(texts, " and ")
}

// ConflictError says that other clients have changed an object again and again.
type ConflictError struct{ Kind, Name, Namespace string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("writing %s %q in namespace %q: too many conflicting updates", e.Kind, e.Name, e.Namespace)
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
	Removed, Remaining []Reference
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
