package driver

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
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/ephemeral"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// How long a builder that cannot be reached is tried again.
const (
	// startTimeout is for a build that has not begun: an API server that restarts is back by then,
	// and a user with the wrong kubeconfig does not wait long.
	startTimeout = 10 * time.Second
	// podStartTimeout is for a Pod that is starting: its image may have to be pulled.
	podStartTimeout = 5 * time.Minute
	// LossTimeout is for a build that has begun.
	LossTimeout = 2 * time.Minute
	// absenceTimeout is for a Pod that was deleted, and may be created again.
	absenceTimeout = 30 * time.Second
	// deniedTimeout is for an API server that has just started and does not know every user yet,
	// and for credentials that are being renewed.
	deniedTimeout = 5 * time.Second
	// dialTimeout is for each try.
	dialTimeout = 10 * time.Second
)

// retryPolicy decides how long a builder that cannot be reached is tried again, and when the next
// try is due.
type retryPolicy struct {
	within time.Duration
	// reached is set if the builder was reached before: what is missing now may come back.
	reached bool
	// only, if it is not nil, reports which errors may pass; any other is final.
	only func(error) bool
}

// next is the pause before the next try, given why the last one failed, how many there were, and
// the time since the first. It is negative when no other try is due.
func (p retryPolicy) next(err error, tries int, elapsed time.Duration) time.Duration {
	const shortest, longest = 250 * time.Millisecond, 4 * time.Second
	left := p.timeout(err) - elapsed
	if left <= 0 {
		return -1
	}
	pause := longest
	if tries < 5 {
		pause = shortest << (tries - 1)
	}
	return min(pause, left)
}

// timeout is how long that error may last.
func (p retryPolicy) timeout(err error) time.Duration {
	switch {
	case isPermanent(err), p.only != nil && !p.only(err):
		return 0
	case isStarting(err) && !p.reached && p.within > 0:
		return podStartTimeout
	case isTransient(err), isStarting(err):
		return p.within
	case !p.reached:
		return 0
	case isDenied(err):
		return min(p.within, deniedTimeout)
	case isNotFound(err):
		return min(p.within, absenceTimeout)
	}
	return p.within
}

// isTransient reports whether the API server, or the connection to it, is out of order for a while.
func isTransient(err error) bool {
	var (
		unreachable *kube.UnreachableError
		dial        *tunnel.DialError
		cut         *tunnel.LostError
		lost        *solve.LostError
		status      apierrors.APIStatus
		name        *net.DNSError
		verify      *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
	)
	switch {
	case isDenied(err):
		return false // also where it comes as the end of a connection
	case errors.As(err, &status):
		code := int(status.Status().Code)
		return code >= http.StatusInternalServerError || code == http.StatusTooManyRequests
	case errors.As(err, &name), errors.As(err, &verify), errors.As(err, &authority):
		return false
	}
	return errors.As(err, &unreachable) || errors.As(err, &dial) || errors.As(err, &cut) || errors.As(err, &lost)
}

// isRefused reports whether nothing listened in the Pod, so that nothing was asked.
func isRefused(err error) bool {
	var refused *tunnel.ConnRefusedError
	return errors.As(err, &refused)
}

// whileStarting asks a daemon that may not listen yet: its container runs a moment before it does.
// One that was seen to listen is asked once.
func whileStarting[T any](ctx context.Context, member cluster.Member, ask func(context.Context) (T, error)) (T, error) {
	if !member.Starting() {
		return ask(ctx)
	}
	return retry(ctx, retryPolicy{within: startTimeout, only: isRefused}, nil, ask)
}

// isStarting reports whether the daemon is starting: its Pod is new, or it has crashed and is
// started again.
func isStarting(err error) bool {
	var notReady *cluster.NotReadyError
	return errors.As(err, &notReady) && notReady.Starting
}

// isPermanent reports whether another try would end the same way, or is not wanted.
func isPermanent(err error) bool {
	var (
		canceled  *solve.CanceledError
		expired   *cluster.ExpiredError
		namespace *kube.NamespaceNotFoundError
		start     *install.StartError
		command   *tunnel.CommandNotFoundError
		gone      *ephemeral.GoneError
	)
	return errors.Is(err, context.Canceled) || errors.As(err, &canceled) || errors.As(err, &expired) ||
		errors.As(err, &namespace) || errors.As(err, &start) || errors.As(err, &command) || errors.As(err, &gone)
}

// isDenied reports whether the user may not do this.
func isDenied(err error) bool {
	var (
		forbidden    *kube.ForbiddenError
		closed       *tunnel.ForbiddenError
		unauthorized *kube.UnauthorizedError
		kubeconfig   *KubeconfigError
		credentials  *kube.CredentialsError
	)
	return errors.As(err, &credentials) || kube.LacksCredentials(err) || errors.As(err, &forbidden) || errors.As(err, &closed) || errors.As(err, &unauthorized) ||
		errors.As(err, &kubeconfig) || apierrors.IsUnauthorized(err)
}

// isNotFound reports whether the builder does not exist, or another one in its place.
func isNotFound(err error) bool {
	var (
		notFound *cluster.NotFoundError
		notReady *cluster.NotReadyError
		mismatch *solve.TLSError
		doubt    *cluster.UnverifiedError
	)
	return errors.As(err, &notFound) || errors.As(err, &notReady) && notReady.Reason == cluster.ReasonMissing ||
		errors.As(err, &mismatch) || errors.As(err, &doubt) || apierrors.IsNotFound(err)
}

// retry tries until it succeeds, or further tries are of no use. The first failure is passed to
// failed, which may be nil.
func retry[T any](ctx context.Context, p retryPolicy, failed func(error), try func(context.Context) (T, error)) (T, error) {
	began := time.Now()
	for tries := 1; ; tries++ {
		result, err := try(ctx)
		if err == nil || ctx.Err() != nil {
			return result, err
		}
		pause := p.next(err, tries, time.Since(began))
		if pause < 0 {
			return result, err
		}
		if tries == 1 && failed != nil {
			failed(err)
		}
		if kube.Pause(ctx, pause) != nil {
			return result, err
		}
	}
}
