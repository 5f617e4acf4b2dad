package install

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// ForeignError is returned, before anything is changed, when an object that is not the builder's
// has the name of one that the builder has or needs.
type ForeignError struct {
	Kind, Name, Namespace string
	// Builder is the builder that the name is needed for.
	Builder string
	// Unwanted is set where the builder was to be removed.
	Unwanted bool
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s %q in namespace %q was not installed as a part of builder %q, so it is left alone", e.Kind, e.Name, e.Namespace, e.Builder)
}

// Class returns fault.Usage.
func (*ForeignError) Class() fault.Class { return fault.Usage }

// UnownedError says that there are Secrets or settings of a builder, but neither its Pods nor the
// rest: an interrupted install or a deletion by hand has left them, or a tenant who may write one
// of them wants to decide what the next install trusts. Such settings are used only if the caller
// agrees to them, such certificates never.
type UnownedError struct {
	Name, Namespace string
	// Found are the objects that are there, Missing those that would show whose they are.
	Found, Missing []kube.Reference
}

func (e *UnownedError) Error() string {
	return fmt.Sprintf("namespace %q has %s of a builder %q, but not %s: it is unknown who made it",
		e.Namespace, joined(e.Found), e.Name, joined(e.Missing))
}

// Class returns fault.Usage.
func (*UnownedError) Class() fault.Class { return fault.Usage }

// joined is e.g. `Secret "a" and Secret "b"`.
func joined(references []kube.Reference) string {
	texts := make([]string, 0, len(references))
	for _, each := range references {
		texts = append(texts, fmt.Sprintf("%s %q", each.Kind, each.Name))
	}
	return strings.Join(texts, " and ")
}

// Reasons of a StartError that are ours; all others are the cluster's own words.
const (
	ReasonTimeout     = "Timeout"
	ReasonUnreachable = "Unreachable"
	ReasonDeleted     = "Deleted"
)

// StartError says why a member does not start, or does not answer.
type StartError struct {
	Name, Namespace, Pod string
	// Ephemeral says that the builder was made for one build.
	Ephemeral bool
	// Reason is one word of the cluster's, e.g. "Unschedulable", "ErrImagePull",
	// "CrashLoopBackOff", "Timeout".
	Reason string
	// Message is the cluster's own explanation.
	Message string
	// NoNode is the architecture that the members need and that no node has; empty where one has
	// it, or the nodes may not be listed.
	NoNode string
	// Logs are the daemon's last lines, when it ran.
	Logs []string
	// Waited is how long it was given.
	Waited time.Duration
	// Removed are the objects that this install had made and has removed again, Remaining those
	// which are still there.
	Removed, Remaining []kube.Reference
	// RolledBack says that members of the former settings, which are stored again, have taken the
	// place of those that do not start; RollBack is why that was tried and failed.
	RolledBack bool
	RollBack   error
	// CacheLost says that the former members kept their cache on the disks of their nodes, so that
	// those which were replaced have lost it.
	CacheLost bool
	// Grown is the size that the volumes keep, which have grown for the members that do not start.
	Grown string
	Err   error
}

func (e *StartError) Error() string {
	text := fmt.Sprintf("builder %q in namespace %q does not start: %s", e.Name, e.Namespace, e.Reason)
	if e.Pod != "" && e.Pod != e.Name {
		text = fmt.Sprintf("member %q of %s", e.Pod, text)
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.NoNode != "" {
		text += "; no node has the label kubernetes.io/arch=" + e.NoNode
	}
	return text
}

func (e *StartError) Unwrap() error { return e.Err }

// Class returns that of the cause, e.g. of a permission that the user lacks, else
// fault.Unavailable.
func (e *StartError) Class() fault.Class { return fault.Or(e.Err, fault.Unavailable) }

// IncompleteError is returned when a request of an install fails after others have changed
// something, e.g. since the API server is away.
type IncompleteError struct {
	Name, Namespace string
	// Removed are the objects that this install had made and has removed again, Remaining those
	// which are still there, as far as is known.
	Removed, Remaining []kube.Reference
	Err                error
}

func (e *IncompleteError) Error() string { return e.Err.Error() }

func (e *IncompleteError) Unwrap() error { return e.Err }

// Class returns that of the cause.
func (e *IncompleteError) Class() fault.Class { return fault.Of(e.Err) }

// SupersededError says that a roll-out which failed was not rolled back, since another install has
// changed the builder since then.
type SupersededError struct{ Name, Namespace string }

func (e *SupersededError) Error() string {
	return fmt.Sprintf("another install has changed builder %q in namespace %q meanwhile", e.Name, e.Namespace)
}

// Class returns fault.Failed.
func (*SupersededError) Class() fault.Class { return fault.Failed }
