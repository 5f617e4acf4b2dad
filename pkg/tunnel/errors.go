package tunnel

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// LostError is returned when an open tunnel ended without a call of Close.
type LostError struct {
	Namespace, Pod string
	// Reason is the last message of the cluster, or how the connection ended.
	Reason string
	Err    error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("connection to Pod %q in namespace %q lost: %s", e.Pod, e.Namespace, e.Reason)
}

func (e *LostError) Unwrap() error { return e.Err }

// Class returns fault.Unavailable.
func (*LostError) Class() fault.Class { return fault.Unavailable }

// ConnRefusedError is returned when the Pod was reached, but no process listens at the port or
// socket (yet).
type ConnRefusedError struct {
	Namespace, Pod string
	Port           int
	// Reason is the kubelet's message.
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

// DialError is returned when no tunnel could be opened; it wraps the API server's error, if there
// was one.
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

// ForbiddenError is returned when the user may not use this transport to the Pod.
type ForbiddenError struct {
	Namespace, Pod string
	// Builder is that of the Target.
	Builder string
	// Verb and Resource are the missing permission, e.g. "create" on "pods/portforward".
	Verb, Resource string
	Err            error
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("not permitted to %s %s of Pod %q in namespace %q", e.Verb, e.Resource, e.Pod, e.Namespace)
}

func (e *ForbiddenError) Unwrap() error { return e.Err }

// Class returns fault.Denied.
func (*ForbiddenError) Class() fault.Class { return fault.Denied }

// Permanent reports that a retry has the same result.
func (e *ForbiddenError) Permanent() bool { return true }

// CommandNotFoundError is returned when the command of an exec tunnel does not exist in the
// container.
type CommandNotFoundError struct{ Namespace, Pod, Command string }

func (e *CommandNotFoundError) Error() string {
	return fmt.Sprintf("Pod %q in namespace %q does not run BuildKit: it has no %s", e.Pod, e.Namespace, e.Command)
}

// Class returns fault.Unavailable.
func (*CommandNotFoundError) Class() fault.Class { return fault.Unavailable }

// Permanent reports that a retry has the same result.
func (e *CommandNotFoundError) Permanent() bool { return true }

// failure returns the typed error of a failed dial.
func (d Dialer) failure(target Target, resource string, err error) error {
	// The executor over SPDY keeps only the text of the response.
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

// verb returns the verb in the API server's message, e.g.
// `User "x" cannot create resource "pods/portforward" in …`.
func verb(message string) string {
	_, after, found := strings.Cut(message, " cannot ")
	if word, _, ok := strings.Cut(after, " "); found && ok && word != "" {
		return word
	}
	return "create"
}

// lacksCommand reports whether the kubelet's message means that the container does not have the
// program. The texts are those of runc and crun.
func (t Target) lacksCommand(message string) bool {
	return len(t.Command) > 0 && strings.Contains(message, t.Command[0]) && strings.Contains(message, "executable file ") &&
		strings.Contains(message, "not found")
}

// ending returns the typed error for the kubelet's last message about a tunnel.
func (t Target) ending(message string, err error) error {
	lower := strings.ToLower(message)
	if strings.Contains(lower, "connection refused") || strings.Contains(lower, "connect: no such file") {
		return &ConnRefusedError{Namespace: t.Namespace, Pod: t.Pod, Port: t.Port, Reason: message}
	}
	return &LostError{Namespace: t.Namespace, Pod: t.Pod, Reason: message, Err: err}
}
