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
// since it was asked during the build.
type explainer interface {
	Explain(err error) error
}

// callError says why a call to the daemon failed, for calls that are no build.
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
// failed. An error that says where in the build it happened came through the
// connection.
func (d *Daemon) lost(err error) error {
	if gaveUp(err) {
		return &LostError{Cause: errors.New("the builder heard nothing from here for too long, and stopped the build")}
	}
	if located(err) {
		return nil
	}
	if handedOver(err) {
		return &LostError{Cause: errors.New("the builder is so busy that it did not begin the build in time")}
	}
	failure := d.link.failure()
	if failure == nil {
		if grpcerrors.Code(err) == codes.Unavailable {
			return &LostError{Cause: errors.New(plain(err))}
		}
		return nil
	}
	if refusal(failure) {
		return &TLSError{Cause: failure}
	}
	return &LostError{Cause: ended(failure)}
}

// gaveUp says that the daemon has stopped a build that was not cancelled here: its
// checks of the session had no answer in time.
func gaveUp(err error) bool {
	text := err.Error()
	return grpcerrors.Code(err) == codes.Canceled || strings.HasSuffix(text, "context canceled") ||
		strings.Contains(text, "no active session for ") || strings.Contains(text, "session healthcheck failed")
}

// handedOver says that the question for a build's status waited in vain for the build itself, which the daemon grants six
// seconds to arrive (solver/jobs.go in BuildKit, Solver.Get).
func handedOver(err error) bool {
	return grpcerrors.Code(err) == codes.NotFound && strings.Contains(err.Error(), "no such job ")
}

// ended says in words what a bare EOF means.
func ended(failure error) error {
	if failure == io.EOF { //nolint:errorlint // a wrapped EOF has words of its own
		return errors.New("it was closed at the other end")
	}
	return failure
}

// refusal says whether the other side sent a TLS alert. With TLS 1.3 it refuses a
// client's certificate after the handshake.
func refusal(err error) bool {
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	return errors.As(err, &alert) || errors.As(err, &record) || errors.As(err, &authority) ||
		strings.Contains(err.Error(), "remote error: tls:")
}

func located(err error) bool {
	var vertex *errdefs.VertexError
	return errors.As(err, &vertex) || len(errdefs.Sources(err)) > 0
}

// buildError says why the daemon made no result.
func buildError(err error, steps *steps) error {
	var exit *gateway.ExitError
	var vertex *errdefs.VertexError
	if refused := cacheRefusal(err); refused != nil {
		return refused
	}
	switch {
	case grpcerrors.Code(err) == codes.Unimplemented && !located(err):
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

// diskFull says whether the daemon itself has run out of space: the error is about
// no program's end, whose output and command line may hold any words, about no file
// on this machine, and is not the answer of another party.
func diskFull(err error, attempt *request.Attempt) bool {
	var syntax *SyntaxError
	var step *FailedStepError
	text := err.Error()
	if errors.As(err, &step) {
		text = step.Cause.Error() // without the step's name
	}
	text = ofDaemon(text)
	return strings.Contains(text, "no space left on device") && !errors.As(err, &syntax) && !attempt.Names(text) && !relayed(text)
}

// ofDaemon leaves out the command line of a step, which may hold any words. What follows it is the daemon's: "exit code: 1",
// or why it could not run the program.
func ofDaemon(text string) string {
	if i := strings.LastIndex(text, "did not complete successfully: "); i >= 0 {
		return text[i:]
	}
	return text
}

// relayed says whether an error's text repeats what a registry has answered, or
// this side when the daemon sent it a result.
func relayed(text string) bool {
	for _, words := range []string{"unexpected status", "server message: ", "failed to push ", "error from receiver: ", "failed to copy to tar: "} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// plain leaves out what BuildKit's client and gRPC put before every error, once
// for each layer it went through.
func plain(err error) string {
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
