package family

import (
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// Error is returned when one builder of a family fails after others of it were made or changed.
type Error struct {
	// Name is the builder's, Builder that of its family which failed; they may be the same.
	Name, Namespace, Builder string
	// Removed are the builders that were made, and removed again, Restored those that were changed
	// and have their former settings again, Left those that are neither.
	Removed, Restored, Left []string
	Err                     error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Class returns that of the cause.
func (e *Error) Class() fault.Class { return fault.Of(e.Err) }

// MemberError is returned when a builder is to be changed or removed that belongs to another, which
// names it to its users.
type MemberError struct {
	Name, Namespace, Family string
	// Unwanted is set where it was to be removed.
	Unwanted bool
}

func (e *MemberError) Error() string {
	return fmt.Sprintf("builder %q in namespace %q is for an architecture of builder %q, and has its settings", e.Name, e.Namespace, e.Family)
}

// Class returns fault.Usage.
func (*MemberError) Class() fault.Class { return fault.Usage }

// TakenError is returned, before anything is changed, when another builder has the name of one that
// a family needs.
type TakenError struct{ Name, Namespace, Family, Architecture string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("builder %q in namespace %q was not installed for builder %q, which needs the name for a further architecture", e.Name, e.Namespace, e.Family)
}

// Class returns fault.Usage.
func (*TakenError) Class() fault.Class { return fault.Usage }

// changedError says that another install has changed the platforms meanwhile.
type changedError struct{ name, namespace string }

func (e *changedError) Error() string {
	return fmt.Sprintf("another install has changed the platforms of builder %q in namespace %q meanwhile", e.name, e.namespace)
}

// Class returns fault.Failed.
func (*changedError) Class() fault.Class { return fault.Failed }
