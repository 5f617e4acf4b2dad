package solve

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// FailedStepError is returned when a step of the Dockerfile failed. Its chain has
// the lines of the Dockerfile, for PrintSources.
type FailedStepError struct {
	Step     string // as the display names it, e.g. "[2/3] RUN make"; may be empty
	ExitCode int    // of the step's program; -1 if it is not known or no program ran
	Cause    error
}

// Error does not repeat the step's command: the lines of the Dockerfile and the progress show it.
func (e *FailedStepError) Error() string {
	if e.Step == "" {
		return trimPrefixes(e.Cause)
	}
	if e.ExitCode < 0 {
		return fmt.Sprintf("step %q failed: %s", e.short(), trimPrefixes(e.Cause))
	}
	text := fmt.Sprintf("%s ended with exit code %d", e.short(), e.ExitCode)
	if place := e.place(); place != "" {
		text += " (" + place + ")"
	}
	return text
}

// Class returns fault.Failed.
func (*FailedStepError) Class() fault.Class { return fault.Failed }

// short returns the part of the step's name in brackets, e.g. "[build 2/5]", or else its beginning.
func (e *FailedStepError) short() string {
	const room = 60
	if end := strings.Index(e.Step, "] "); strings.HasPrefix(e.Step, "[") && end > 0 && e.ExitCode >= 0 {
		return e.Step[:end+1]
	}
	name, _, _ := strings.Cut(e.Step, "\n")
	if runes := []rune(name); len(runes) > room {
		return string(runes[:room]) + "…"
	}
	return name
}

// place returns the file and the first line of the step; empty if they are not known.
func (e *FailedStepError) place() string {
	for _, source := range errdefs.Sources(e.Cause) {
		if source.Info == nil || source.Info.Filename == "" || len(source.Ranges) == 0 || source.Ranges[0].Start == nil {
			continue
		}
		return fmt.Sprintf("%s:%d", source.Info.Filename, source.Ranges[0].Start.Line)
	}
	return ""
}

func (e *FailedStepError) Unwrap() error { return e.Cause }

// SyntaxError is returned when the Dockerfile cannot be parsed.
type SyntaxError struct{ Cause error }

func (e *SyntaxError) Error() string { return trimPrefixes(e.Cause) }

func (e *SyntaxError) Unwrap() error { return e.Cause }

// Class returns fault.Failed.
func (*SyntaxError) Class() fault.Class { return fault.Failed }

// BuildError is returned when the daemon failed to build for any other reason.
type BuildError struct{ Cause error }

func (e *BuildError) Error() string { return trimPrefixes(e.Cause) }

func (e *BuildError) Unwrap() error { return e.Cause }

// Class returns fault.Failed.
func (*BuildError) Class() fault.Class { return fault.Failed }

// FullDiskError is returned when the daemon has no disk space left.
type FullDiskError struct{ Cause error }

func (e *FullDiskError) Error() string { return "the builder's disk is full: " + e.Cause.Error() }

func (e *FullDiskError) Unwrap() error { return e.Cause }

// Class returns fault.Unavailable.
func (*FullDiskError) Class() fault.Class { return fault.Unavailable }

// CanceledError is returned when the caller's context ended the build.
type CanceledError struct{ Cause error }

func (e *CanceledError) Error() string { return fmt.Sprintf("the build was cancelled: %v", e.Cause) }

func (e *CanceledError) Unwrap() error { return e.Cause }

// Class returns that of the reason for which the caller ended the build, e.g. fault.Interrupted.
func (e *CanceledError) Class() fault.Class {
	if errors.Is(e.Cause, context.Canceled) {
		return fault.Or(e.Cause, fault.Interrupted)
	}
	return fault.Or(e.Cause, fault.Failed)
}

// LostError is returned when the connection to the daemon ended during a call. Its
// cause is the connection's own error, if there is one.
type LostError struct {
	Cause error
	Final string // why the build is not retried over another connection; empty if it may be
}

func (e *LostError) Error() string {
	return fmt.Sprintf("the connection to the builder was lost: %v", e.Cause)
}

func (e *LostError) Unwrap() error { return e.Cause }

// Class returns that of the cause, e.g. of a tunnel that is not permitted, else fault.Unavailable.
func (e *LostError) Class() fault.Class { return fault.Or(e.Cause, fault.Unavailable) }

// TLSError is returned when the TLS handshake fails: the client or the server, which may not be the
// daemon, rejects the other's certificate.
type TLSError struct{ Cause error }

func (e *TLSError) Error() string {
	return fmt.Sprintf("the builder and this client do not accept each other's certificates: %v", e.Cause)
}

func (e *TLSError) Unwrap() error { return e.Cause }

// Class returns fault.Unavailable.
func (*TLSError) Class() fault.Class { return fault.Unavailable }

// UnsupportedError is returned when the daemon does not support a call: it is too
// old, or not BuildKit.
type UnsupportedError struct{ Cause error }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("the builder's BuildKit is too old for this: %s", trimPrefixes(e.Cause))
}

func (e *UnsupportedError) Unwrap() error { return e.Cause }

// Class returns fault.Unavailable.
func (*UnsupportedError) Class() fault.Class { return fault.Unavailable }
