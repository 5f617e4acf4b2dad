package cmd

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcache"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
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

// explainFormat tells what is wrong with a flag whose value a package reads.
func explainFormat(err error) (failure, bool) {
	var (
		format *output.FormatError
		filter *buildcache.FilterError
	)
	switch {
	case errors.As(err, &format):
		return failure{text: fmt.Sprintf("--output %q: %s", format.Value, format.Reason), next: format.Next, code: exitUsage}, true
	case errors.As(err, &filter):
		return failure{text: fmt.Sprintf("--filter %q: %s", filter.Value, filter.Reason), next: filter.Next, code: exitUsage}, true
	}
	return failure{}, false
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
