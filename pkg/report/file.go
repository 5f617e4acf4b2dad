package report

import (
	"bytes"
	"fmt"

	"github.com/containerd/continuity"
)

// Save writes the page to path. It appears whole or not at all.
func Save(path string, build Build) error {
	var page bytes.Buffer
	if err := WriteHTML(&page, build); err != nil {
		return err
	}
	if err := continuity.AtomicWriteFile(path, page.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
