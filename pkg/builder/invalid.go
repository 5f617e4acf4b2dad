package builder

import "fmt"

// InvalidError says which value of a Spec is wrong, why, and what to write instead.
type InvalidError struct {
	// Field is the thing as its user calls it, e.g. "toleration".
	Field string
	// Value is what was given, e.g. "key=value:Nope".
	Value string
	// Reason completes "FIELD VALUE: …".
	Reason string
	// Hint is the next step; it may be empty.
	Hint string
}

func (e *InvalidError) Error() string {
	text := fmt.Sprintf("%s %q: %s", e.Field, e.Value, e.Reason)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

func invalid(field, value, reason, hint string) error {
	return &InvalidError{Field: field, Value: value, Reason: reason, Hint: hint}
}
