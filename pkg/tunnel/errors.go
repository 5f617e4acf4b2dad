package tunnel

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// LostError says that an open tunnel ended without being closed from here.
type LostError struct {
	Namespace, Pod string
	// Reason is what the cluster said last, or how the connection ended.
	Reason string
	Err    error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("connection to Pod %q in namespace %q lost: %s", e.Pod, e.Namespace, e.Reason)
}

func (e *LostError) Unwrap() error { return e.Err }

// Class returns fault.Unavailable.
func (*LostError) Class() fault.Class { return fault.Unavailable }

// ConnRefusedError is returned where the Pod was reached, but nothing listens there (yet).
type ConnRefusedError struct {
	Namespace, Pod string
	Port           int
	// Reason is the node's own words.
	Reason string
}

// Error names the port, or the socket of an exec tunnel.
func (e *ConnRefusedError) Error() string {
	if e.Port == 0 {
		return fmt.Sprintf("the daemon's socket in Pod %q in namespace %q refuses connections", e.Pod, e.Namespace)
	}
	return fmt.Sprintf("port %d of Pod %q in namespace %q refuses connections", e.Port, e.Pod, e.Namespace)
}

// Class returns fault.Unavailable.
func (*ConnRefusedError) Class() fault.Class { return fault.Unavailable }

// DialError says that no tunnel could be opened; it wraps the API server's answer, if there was one.
type DialError struct {
	Namespace, Pod string
	Transport      Transport
	Err            error
}

func (e *DialError) Error() string {
	return fmt.Sprintf("opening a tunnel to Pod %q in namespace %q: %v", e.Pod, e.Namespace, e.Err)
}

func (e *DialError) Unwrap() error { return e.Err }

// Class returns fault.Unavailable.
func (*DialError) Class() fault.Class { return fault.Unavailable }

// ForbiddenError says that this way into the Pod is not permitted.
type ForbiddenError struct {
	Namespace, Pod string
	// Builder is that of the Target.
	Builder string
	// Verb and Resource are the permission that lacks, e.g. "create" on "pods/portforward".
	Verb, Resource string
	Err            error
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("not permitted to %s %s of Pod %q in namespace %q", e.Verb, e.Resource, e.Pod, e.Namespace)
}

func (e *ForbiddenError) Unwrap() error { return e.Err }

// Class returns fault.Denied.
func (*ForbiddenError) Class() fault.Class { return fault.Denied }

// Permanent says that another try gives the same answer.
func (e *ForbiddenError) Permanent() bool { return true }

// CommandNotFoundError is returned when the command of an exec tunnel does not exist in the container.
type CommandNotFoundError struct{ Namespace, Pod, Command string }

func (e *CommandNotFoundError) Error() string {
	return fmt.Sprintf("Pod %q in namespace %q does not run BuildKit: it has no %s", e.Pod, e.Namespace, e.Command)
}

// Class returns fault.Unavailable.
func (*CommandNotFoundError) Class() fault.Class { return fault.Unavailable }

// Permanent reports that another try gives the same answer.
func (e *CommandNotFoundError) Permanent() bool { return true }

// failure makes a typed error of what a dial ended with.
func (d Dialer) failure(target Target, resource string, err error) error {
	// The executor over SPDY keeps of the answer only its text.
	if apierrors.IsForbidden(err) || strings.Contains(err.Error(), "is forbidden: User ") {
		return &ForbiddenError{
			Namespace: target.Namespace, Pod: target.Pod, Builder: target.Builder, Verb: verb(err.Error()), Resource: resource, Err: err,
		}
	}
	var lost *LostError
	var refused *ConnRefusedError
	var command *CommandNotFoundError
	if errors.As(err, &lost) || errors.As(err, &refused) || errors.As(err, &command) {
		return err
	}
	return &DialError{Namespace: target.Namespace, Pod: target.Pod, Transport: d.Transport, Err: err}
}

// verb finds the verb in the API server's words, e.g. `User "x" cannot create resource "pods/portforward" in …`.
func verb(message string) string {
	_, after, found := strings.Cut(message, " cannot ")
	if word, _, ok := strings.Cut(after, " "); found && ok && word != "" {
		return word
	}
	return "create"
}

// lacksCommand reports whether the node's words say that the container has no such program, in runc's words or in crun's.
func (t Target) lacksCommand(words string) bool {
	return len(t.Command) > 0 && strings.Contains(words, t.Command[0]) && strings.Contains(words, "executable file ") &&
		strings.Contains(words, "not found")
}

// ending makes a typed error of the node's last words about a tunnel.
func (t Target) ending(words string, err error) error {
	lower := strings.ToLower(words)
	if strings.Contains(lower, "connection refused") || strings.Contains(lower, "connect: no such file") {
		return &ConnRefusedError{Namespace: t.Namespace, Pod: t.Pod, Port: t.Port, Reason: words}
	}
	return &LostError{Namespace: t.Namespace, Pod: t.Pod, Reason: words, Err: err}
}
