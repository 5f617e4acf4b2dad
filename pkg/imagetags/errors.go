package imagetags

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// State is what a tag points at after its index could not be published.
type State string

// The states of a tag.
const (
	Before  State = "as before"               // or it does not exist, as before
	Moved   State = "new"                     // it points at the new index
	Foreign State = "moved by another client" // it was not put back
	Unknown State = "unknown"                 // it cannot be read
)

// TagState is the state of one tag.
type TagState struct {
	Reference string // e.g. r.io/a:1
	State     State
	Existed   bool  // it existed before
	Cause     error // why it was not put back, or why its state is unknown; nil for none
}

// Error is returned when not all tags could be moved.
type Error struct {
	Doing string     // writing the index, reading the tags or moving the tags
	Tags  []TagState // of all tags
	Cause error
}

func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s", e.Doing, oneLine(e.Cause))
	changed := e.Changed()
	if len(changed) == 0 {
		text.WriteString("; no tag was moved")
		if e.Doing == "moving the tags" {
			text.WriteString(": all are as before")
		}
	}
	for _, each := range changed {
		fmt.Fprintf(&text, "; %q is %s", each.Reference, each.State)
		if each.Cause != nil {
			fmt.Fprintf(&text, " (%s)", oneLine(each.Cause))
		}
	}
	return text.String()
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func (e *Error) Unwrap() error { return e.Cause }

// Class returns that of Cause, or else fault.Failed.
func (e *Error) Class() fault.Class { return fault.Or(e.Cause, fault.Failed) }

// Changed returns the tags that are not as before, or may not be.
func (e *Error) Changed() []TagState {
	return slices.DeleteFunc(slices.Clone(e.Tags), func(t TagState) bool { return t.State == Before })
}

// unchanged returns an *Error for a step that moves no tag.
func (m *move) unchanged(doing string, cause error) error {
	e := &Error{Doing: doing, Cause: cause}
	for _, t := range m.tags {
		e.Tags = append(e.Tags, TagState{Reference: t.reference(), State: Before, Existed: t.existed})
	}
	return e
}

// MissingError is returned when a registry does not have what must be there.
type MissingError struct {
	Reference string
	Written   bool // the registry has confirmed that it was written
}

func (e *MissingError) Error() string {
	if e.Written {
		return fmt.Sprintf("reading %q: the registry confirmed the write, and does not have it", e.Reference)
	}
	return fmt.Sprintf("reading %q: not found", e.Reference)
}

// Class returns fault.Failed.
func (*MissingError) Class() fault.Class { return fault.Failed }

// unsureError is returned when a tag points at something else than this client has written.
type unsureError struct{ reference string }

func (e *unsureError) Error() string {
	return fmt.Sprintf("reading %q: it points at another manifest than was written", e.reference)
}

// Class returns fault.Failed.
func (*unsureError) Class() fault.Class { return fault.Failed }
