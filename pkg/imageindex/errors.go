package imageindex

import (
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// PartError is returned when what a daemon reports cannot become a part of the index: the daemon is
// of another version, or it is not to be trusted.
type PartError struct {
	From  string
	Cause error
}

func (e *PartError) Error() string {
	return fmt.Sprintf("merging what %s has built: %v", e.From, e.Cause)
}

func (e *PartError) Unwrap() error { return e.Cause }

// Class returns fault.Failed.
func (*PartError) Class() fault.Class { return fault.Failed }

// PlatformError is returned when no part was asked for a platform of the index.
type PlatformError struct{ Platform string }

func (e *PlatformError) Error() string {
	return fmt.Sprintf("merging the platforms: no daemon was asked for %s", e.Platform)
}

// Class returns fault.Failed.
func (*PlatformError) Class() fault.Class { return fault.Failed }

// TooLargeError is returned for a manifest that no registry accepts.
type TooLargeError struct {
	What string
	Size int // in bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s has %d bytes; at most %d are possible", e.What, e.Size, MaxManifest)
}

// Class returns fault.Failed.
func (*TooLargeError) Class() fault.Class { return fault.Failed }
