package cmd

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// optionError says which option is wrong, why, and what to write instead.
type optionError struct {
	flag, value string
	reason      string
	next        string // may be empty
}

func (e *optionError) Error() string {
	if e.value == "" {
		return e.flag + ": " + e.reason
	}
	return fmt.Sprintf("%s %q: %s", e.flag, e.value, e.reason)
}

func atMostOneName(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("takes at most one NAME, got %d arguments: %q", len(args), args)
	}
	return nil
}

// nameArgument is the builder that an optional NAME names.
func nameArgument(args []string) string {
	if len(args) == 0 {
		return builder.DefaultName
	}
	return args[0]
}

// reasonOf is a file error without the path, which the message around it names already.
func reasonOf(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
