package report

import (
	"context"
	"fmt"
	"io"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// Save writes the page to the target.
func Save(ctx context.Context, target *safefile.Target, build Build) error {
	err := target.WriteFrom(ctx, func(w io.Writer) error { return WriteHTML(w, build) })
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
