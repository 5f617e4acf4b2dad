package explain

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// The exit codes of every command, as the README documents them.
const (
	CodeOK          = 0
	CodeFailed      = 1   // the build failed, or something no other code is for
	CodeUsage       = 2   // invalid command line, or an invalid file passed to it
	CodeNoBuilder   = 3   // the builder is missing, does not start, it cannot be reached, its disk is full, it cannot reach a registry, or it was lost
	CodeDenied      = 4   // the cluster or a registry does not permit it
	CodeInterrupted = 130 // Ctrl-C
)

// codeOf returns the exit code of a class.
func codeOf(class fault.Class) int {
	switch class {
	case fault.Usage:
		return CodeUsage
	case fault.Unavailable:
		return CodeNoBuilder
	case fault.Denied:
		return CodeDenied
	case fault.Interrupted:
		return CodeInterrupted
	}
	return CodeFailed
}

// ClassOf returns the class of an error: that of the packages' own types, else of the errors of
// libraries that no package has given a type.
func ClassOf(err error) fault.Class {
	if class := fault.Of(err); class != fault.Unknown {
		return class
	}
	var answer interface{ GRPCStatus() *status.Status }
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Interrupted
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return fault.Denied
	case apierrors.IsServiceUnavailable(err), apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsTooManyRequests(err):
		return fault.Unavailable
	case errors.As(err, &answer) && answer.GRPCStatus().Code() == codes.Unavailable:
		return fault.Unavailable
	}
	return fault.Failed
}
