package request

import (
	"errors"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
)

// UsageError says which input is wrong, why, and what to type instead.
type UsageError struct {
	Flag   string // "--tag", "PATH", …
	Value  string // as the user typed it; empty if the flag has no value
	Reason string
	Next   string // the next step; may be empty
}

// Error is one line that names the input, the reason and the next step.
func (e *UsageError) Error() string {
	var text strings.Builder
	if e.Value == "" {
		text.WriteString(e.Flag)
	} else {
		text.WriteString("invalid " + e.Flag + ` "` + e.Value + `"`)
	}
	text.WriteString(": " + e.Reason)
	if e.Next != "" {
		text.WriteString("; " + e.Next)
	}
	return text.String()
}

// fromContext says in this package's words what buildcontext found.
func fromContext(err error) error {
	var invalid *buildcontext.InvalidError
	if errors.As(err, &invalid) {
		usage := UsageError(*invalid)
		return &usage
	}
	return err
}
