package builder

import (
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// invalid returns a *usage.Error about a field of a Spec, which is called as the flag that sets it.
func invalid(field, value, reason, next string) error {
	return &usage.Error{What: flagOf(field), Value: value, Reason: reason, Next: next}
}

// flagOf is the flag that sets a field of a builder, e.g. "--node-selector" for "node selector".
func flagOf(field string) string {
	switch field {
	case "builder name", "namespace", FieldConfig, FieldRegistryCA:
		return field
	case "environment variable", "environment":
		return "--env"
	case "mirror":
		return "--registry-mirror"
	}
	return "--" + strings.ToLower(strings.ReplaceAll(field, " ", "-"))
}
