// Package usage holds the one error of wrong input: a flag, an argument, a variable or a file that
// the user gave. It knows neither commands nor exit codes; pkg/explain does.
package usage

import "github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"

// Error is returned for input that cannot be used.
type Error struct {
	// What is the input as its user calls it, e.g. "--tag", "PATH" or
	// "$BUILDX_METADATA_PROVENANCE"; without a Reason it is the whole text.
	What string
	// Value is what was given; it may be empty.
	Value string
	// Reason completes "invalid WHAT "VALUE": …".
	Reason string
	// Next is what to write instead; it may be empty.
	Next string
}

// Error returns one line that names the input, the reason and the next step.
func (e *Error) Error() string {
	if e.Next == "" {
		return e.Text()
	}
	return e.Text() + "; " + e.Next
}

// Class returns fault.Usage.
func (*Error) Class() fault.Class { return fault.Usage }

// Text returns the line without the next step.
func (e *Error) Text() string {
	text := e.What
	if e.Value != "" {
		text = "invalid " + e.What + ` "` + e.Value + `"`
	}
	if e.Reason == "" {
		return text
	}
	return text + ": " + e.Reason
}
