package solve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// explainer is an attachable that knows more about an error than the daemon,
// since the daemon called it during the build.
type explainer interface {
	Explain(err error) error
}

// callError returns the typed error of a failed call to the daemon, for calls other than builds.
func (d *Daemon) callError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &CanceledError{Cause: context.Cause(ctx)}
	}
	if lost := d.lost(err); lost != nil {
		return lost
	}
	if grpcerrors.Code(err) == codes.Unimplemented {
		return &UnsupportedError{Cause: err}
	}
	return err
}

// lost returns a *LostError or a *TLSError if the connection is why the call
// failed. An error with a location in the build was received over the connection.
func (d *Daemon) lost(err error) error {
	if sessionTimedOut(err) {
		return &LostError{Cause: errors.New("the builder received nothing from this client for too long, and stopped the build")}
	}
	if isLocated(err) {
		return nil
	}
	if neverBegan(err) {
		return &LostError{Cause: errors.New("the builder is so busy that it did not begin the build in time")}
	}
	failure := d.state.firstError()
	if failure == nil {
		if grpcerrors.Code(err) == codes.Unavailable {
			return &LostError{Cause: errors.New(trimPrefixes(err))}
		}
		return nil
	}
	if isTLSAlert(failure) {
		return &TLSError{Cause: failure}
	}
	return &LostError{Cause: describeEOF(failure)}
}

// sessionTimedOut reports whether the daemon has stopped a build that was not
// cancelled by this client: its health checks of the session timed out.
func sessionTimedOut(err error) bool {
	text := err.Error()
	return grpcerrors.Code(err) == codes.Canceled || strings.HasSuffix(text, "context canceled") ||
		strings.Contains(text, "no active session for ") || strings.Contains(text, "session healthcheck failed")
}

// neverBegan reports whether the request for a build's status timed out before the build itself
// arrived, for which the daemon waits six seconds (solver/jobs.go in BuildKit, Solver.Get).
func neverBegan(err error) bool {
	return grpcerrors.Code(err) == codes.NotFound && strings.Contains(err.Error(), "no such job ")
}

// describeEOF returns an error with a message in place of a bare EOF.
func describeEOF(failure error) error {
	if failure == io.EOF { //nolint:errorlint // a wrapped EOF has its own message
		return errors.New("it was closed by the other side")
	}
	return failure
}

// isTLSAlert reports whether the other side sent a TLS alert. With TLS 1.3 a
// server rejects a client's certificate after the handshake.
func isTLSAlert(err error) bool {
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	return errors.As(err, &alert) || errors.As(err, &record) || errors.As(err, &authority) ||
		strings.Contains(err.Error(), "remote error: tls:")
}

func isLocated(err error) bool {
	var vertex *errdefs.VertexError
	return errors.As(err, &vertex) || len(errdefs.Sources(err)) > 0
}

// buildError returns the typed error of a failed build.
func buildError(err error, steps *steps) error {
	var exit *gateway.ExitError
	var vertex *errdefs.VertexError
	if refused := cacheRefusalOf(err); refused != nil {
		return refused
	}
	switch {
	case grpcerrors.Code(err) == codes.Unimplemented && !isLocated(err):
		return &UnsupportedError{Cause: err}
	case strings.Contains(err.Error(), "dockerfile parse error"):
		return &SyntaxError{Cause: err}
	case errors.As(err, &vertex):
		failed := &FailedStepError{Step: steps.name(vertex.Digest), ExitCode: -1, Cause: err}
		if errors.As(err, &exit) && exit.ExitCode <= gateway.UnknownExitStatus {
			failed.ExitCode = int(exit.ExitCode)
		}
		return failed
	}
	return &BuildError{Cause: err}
}

// diskFull reports whether the daemon itself has run out of disk space. The error
// must not come from a program, whose output and command line may contain any
// text, from a file on this machine, or from another server.
func diskFull(err error, attempt *request.Attempt) bool {
	var syntax *SyntaxError
	var step *FailedStepError
	text := err.Error()
	if errors.As(err, &step) {
		text = step.Cause.Error() // without the step's name
	}
	text = withoutCommandLine(text)
	return strings.Contains(text, "no space left on device") && !errors.As(err, &syntax) && !attempt.Names(text) && !isRelayed(text)
}

// withoutCommandLine removes the command line of a step, which may contain any text. What follows
// is the daemon's own message: "exit code: 1", or why it could not run the program.
func withoutCommandLine(text string) string {
	if i := strings.LastIndex(text, "did not complete successfully: "); i >= 0 {
		return text[i:]
	}
	return text
}

// isRelayed reports whether an error's text repeats the response of a registry, or
// the error of this client when it received a result.
func isRelayed(text string) bool {
	for _, phrase := range []string{"unexpected status", "server message: ", "failed to push ", "error from receiver: ", "failed to copy to tar: "} {
		if strings.Contains(text, phrase) {
			return true
		}
	}
	return false
}

// trimPrefixes removes what BuildKit's client and gRPC put before every error, once
// for each layer.
func trimPrefixes(err error) string {
	text := err.Error()
	for again := true; again; {
		again = false
		for _, prefix := range []string{
			"failed to solve: ", "failed to receive status: ", "rpc error: ", "code = Unknown desc = ", "code = Unavailable desc = ",
			"Unknown: ", "Unavailable: ",
		} {
			if rest, found := strings.CutPrefix(text, prefix); found {
				text, again = rest, true
			}
		}
	}
	return text
}
