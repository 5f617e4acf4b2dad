package cmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// How long a builder is sought.
const (
	// startPatience is for a build that has not begun: an API server that restarts is back by then, and whoever has the
	// wrong kubeconfig is not kept.
	startPatience = 10 * time.Second
	// startingPatience is for a Pod that is on its way: its image may have to be pulled.
	startingPatience = 5 * time.Minute
	// lossPatience is for a build that was on its way (--retry-timeout).
	lossPatience = 2 * time.Minute
	// absencePatience is for a Pod that somebody deleted, and may be putting back.
	absencePatience = 30 * time.Second
	// refusalPatience is for refusals by an API server that has just started and does not know everybody yet, and for
	// credentials that are being renewed.
	refusalPatience = 5 * time.Second
	// dialTimeout is for each try.
	dialTimeout = 10 * time.Second
)

// search decides how long a builder that cannot be reached is sought, and when the next try is due. It only decides.
type search struct {
	within time.Duration
	// found says that the builder was reached before: what is missing now may come back.
	found bool
}

// next is the pause before the next try, given why the last one failed, how many there were, and the time since the
// first. It is negative when no other try is due.
func (s search) next(err error, tries int, elapsed time.Duration) time.Duration {
	const shortest, longest = 250 * time.Millisecond, 4 * time.Second
	left := s.patience(err) - elapsed
	if left <= 0 {
		return -1
	}
	pause := longest
	if tries < 5 {
		pause = shortest << (tries - 1)
	}
	return min(pause, left)
}

// patience is how long that error may last.
func (s search) patience(err error) time.Duration {
	switch {
	case final(err):
		return 0
	case starting(err) && !s.found && s.within > 0:
		return startingPatience
	case passes(err), starting(err):
		return s.within
	case !s.found:
		return 0
	case refused(err):
		return min(s.within, refusalPatience)
	case absent(err):
		return min(s.within, absencePatience)
	}
	return s.within
}

// passes says that the API server, or the way to it, is out of order for a while.
func passes(err error) bool {
	var (
		unreachable *cluster.UnreachableError
		dial        *tunnel.DialError
		cut         *tunnel.LostError
		lost        *solve.LostError
		status      apierrors.APIStatus
		name        *net.DNSError
		verify      *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
	)
	switch {
	case refused(err):
		return false // also where it comes as the end of a connection
	case errors.As(err, &status):
		code := int(status.Status().Code)
		return code >= http.StatusInternalServerError || code == http.StatusTooManyRequests
	case errors.As(err, &name), errors.As(err, &verify), errors.As(err, &authority):
		return false
	}
	return errors.As(err, &unreachable) || errors.As(err, &dial) || errors.As(err, &cut) || errors.As(err, &lost)
}

// starting says that the daemon is on its way: its Pod is new, or it has crashed and is started again.
func starting(err error) bool {
	var notReady *cluster.NotReadyError
	return errors.As(err, &notReady) && notReady.Starting
}

// final says that another try would end the same way, or that nobody wants one.
func final(err error) bool {
	var (
		canceled  *solve.CanceledError
		expired   *cluster.ExpiredError
		namespace *cluster.NamespaceNotFoundError
		start     *cluster.StartError
		command   *tunnel.CommandNotFoundError
	)
	return errors.Is(err, context.Canceled) || errors.As(err, &canceled) || errors.As(err, &expired) ||
		errors.As(err, &namespace) || errors.As(err, &start) || errors.As(err, &command)
}

// refused says that somebody may not do this.
func refused(err error) bool {
	var (
		forbidden    *cluster.ForbiddenError
		closed       *tunnel.ForbiddenError
		unauthorized *cluster.UnauthorizedError
		kubeconfig   *kubeconfigError
	)
	return errors.As(err, &forbidden) || errors.As(err, &closed) || errors.As(err, &unauthorized) ||
		errors.As(err, &kubeconfig) || apierrors.IsUnauthorized(err)
}

// absent says that there is no such builder, or another one in its place.
func absent(err error) bool {
	var (
		notFound *cluster.NotFoundError
		notReady *cluster.NotReadyError
		stranger *solve.RefusedError
		doubt    *cluster.UnverifiedError
	)
	return errors.As(err, &notFound) || errors.As(err, &notReady) && notReady.Reason == cluster.ReasonMissing ||
		errors.As(err, &stranger) || errors.As(err, &doubt) || apierrors.IsNotFound(err)
}
