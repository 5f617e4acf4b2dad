package kube

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// ServerError is returned when the API server, or a proxy before it, fails at a request that
// another try may complete: it is overloaded, starting, or without its database.
type ServerError struct {
	// Request is what was asked, e.g. `get Secret "b-client"`.
	Request string
	// Code is the HTTP status, e.g. 503.
	Code int
	Err  error
}

func (e *ServerError) Error() string {
	reason := e.Err.Error()
	if strings.Contains(reason, "an error on the server (") { // client-go's words around a page
		reason = fmt.Sprintf("it answers %d %s", e.Code, http.StatusText(e.Code))
	}
	return fmt.Sprintf("asking the cluster to %s: %s", e.Request, reason)
}

func (e *ServerError) Unwrap() error { return e.Err }

// Class returns fault.Unavailable.
func (*ServerError) Class() fault.Class { return fault.Unavailable }

// serverFailed reports whether the status says that the server, not the request, is at fault.
func serverFailed(status *apierrors.StatusError) bool {
	code := status.ErrStatus.Code
	return code >= http.StatusInternalServerError || code == http.StatusTooManyRequests
}

const (
	// outageLimit is how long the API server may be away while a list is followed: as long as one
	// takes to start again.
	outageLimit = 30 * time.Second
	// outagePause is the time between two tries.
	outagePause = 500 * time.Millisecond
)

// isTemporary reports whether the API server may answer the same request in a moment.
func isTemporary(err error) bool {
	var (
		server      *ServerError
		unreachable *UnreachableError
		name        *net.DNSError
		certificate *tls.CertificateVerificationError
	)
	return errors.As(err, &server) ||
		errors.As(err, &unreachable) && !errors.As(err, &name) && !errors.As(err, &certificate)
}

// throughOutages calls request until it returns, or the API server has been away for too long.
func throughOutages(ctx context.Context, request func() error) error {
	for since := time.Now(); ; {
		err := request()
		if err == nil || !isTemporary(err) || time.Since(since) > outageLimit {
			return err
		}
		if err := Pause(ctx, outagePause); err != nil {
			return err
		}
	}
}
