package kube

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// NamespaceNotFoundError says that the namespace itself does not exist.
type NamespaceNotFoundError struct{ Namespace string }

func (e *NamespaceNotFoundError) Error() string {
	return fmt.Sprintf("no namespace %q", e.Namespace)
}

// Class returns fault.Unavailable.
func (*NamespaceNotFoundError) Class() fault.Class { return fault.Unavailable }

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

// Class returns fault.Denied.
func (*ForbiddenError) Class() fault.Class { return fault.Denied }

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

// Class returns fault.Denied.
func (*UnauthorizedError) Class() fault.Class { return fault.Denied }

// UnreachableError says that the API server did not answer.
type UnreachableError struct {
	Host  string
	Proxy string // that requests go through, without its password; empty if there is none
	Err   error
}

func (e *UnreachableError) Error() string {
	if e.Proxy != "" {
		return fmt.Sprintf("cluster %s does not answer through the proxy %s: %v", e.Host, e.Proxy, e.Err)
	}
	return fmt.Sprintf("cluster %s does not answer: %v", e.Host, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Class returns fault.Unavailable.
func (*UnreachableError) Class() fault.Class { return fault.Unavailable }

// AdmissionError says that the cluster refuses an object: Pod Security, a quota, a webhook, or a
// value it finds invalid.
type AdmissionError struct {
	// By is who refused: "Pod Security", "quota", "webhook NAME", or "validation".
	By string
	// Kind, Name and Namespace are the object, e.g. "Pod" "buildkitd" in "team".
	Kind, Name, Namespace string
	// Message is the cluster's own words.
	Message string
	// Takes is what a Pod takes of a quota, Frees what the Pod does whose place it would take; nil
	// for other objects.
	Takes, Frees corev1.ResourceList
	Err          error
}

func (e *AdmissionError) Error() string {
	return fmt.Sprintf("%s refuses %s %q in namespace %q: %s", e.By, e.Kind, e.Name, e.Namespace, e.Message)
}

func (e *AdmissionError) Unwrap() error { return e.Err }

// Class returns fault.Denied.
func (*AdmissionError) Class() fault.Class { return fault.Denied }

// ConflictError says that other clients have changed an object again and again.
type ConflictError struct{ Kind, Name, Namespace string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("writing %s %q in namespace %q: too many conflicting updates", e.Kind, e.Name, e.Namespace)
}

// Class returns fault.Failed.
func (*ConflictError) Class() fault.Class { return fault.Failed }
