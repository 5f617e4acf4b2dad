package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// probeSize is what is written, in bytes, to find out why files could not be received: more than
// what a file system keeps beside a file's entry.
const probeSize = 64 << 10

// UnwritableError is returned when a file cannot be written: before the work
// whose result it is to hold wherever that can be known.
type UnwritableError struct {
	Path   string
	Reason string
	Next   string // what to do instead; may be empty
	Cause  error  // may be nil
}

func (e *UnwritableError) Error() string { return fmt.Sprintf("writing %q: %s", e.Path, e.Reason) }

func (e *UnwritableError) Unwrap() error { return e.Cause }

// Class returns fault.Failed.
func (*UnwritableError) Class() fault.Class { return fault.Failed }

// Unwritten returns an *UnwritableError for an error of writing to the path; nil stays nil.
func Unwritten(path string, err error) error {
	var known *UnwritableError
	if err == nil || errors.As(err, &known) {
		return err
	}
	next := ""
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		next = "free space there, or write to another file system"
	case errors.Is(err, syscall.EPIPE):
		next = "keep the program that reads it running until all is written"
	}
	return &UnwritableError{Path: path, Reason: cause(err).Error(), Next: next, Cause: err}
}

// located returns the text of an error without package os's name of the operation, but with the
// path, which may be a directory above the one that the user named.
func located(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Path + ": " + path.Err.Error()
	}
	return err.Error()
}

// Unwritten returns why files cannot be received now, e.g. since the disk is full; nil if they can.
// The receiver of a directory's files does not report what failed.
func (s *StagedTree) Unwritten() error {
	probe := filepath.Join(s.Receiving(), stagedName("probe"))
	err := os.WriteFile(probe, make([]byte, probeSize), 0o600)
	_ = os.Remove(probe)
	return Unwritten(s.tree.path, err)
}
