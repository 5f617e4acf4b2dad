package registryauth

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// ManifestError is returned when a registry responds to a request for a manifest, but does not do
// what was requested.
type ManifestError struct {
	Doing      string        // reading, writing or deleting
	Reference  string        // e.g. r.io/a:1
	Tag        bool          // the reference is a tag, not a digest
	Status     int           // of the response; that of a success if the response is invalid
	RetryAfter time.Duration // that the registry asks for; 0 if it does not
	Cause      error
}

func (e *ManifestError) Error() string {
	return fmt.Sprintf("%s %q: %v", e.Doing, e.Reference, e.Cause)
}

func (e *ManifestError) Unwrap() error { return e.Cause }

// Class returns fault.Denied if the registry forbids it, else fault.Failed.
func (e *ManifestError) Class() fault.Class {
	if e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden {
		return fault.Denied
	}
	return fault.Failed
}

// Busy reports whether the registry may do it later.
func (e *ManifestError) Busy() bool { return transientStatus(e.Status) }

func (r *Repository) failed(doing, tagOrDigest string, got *manifestReply, cause error) error {
	reference := r.place(tagOrDigest)
	return &ManifestError{
		Doing: doing, Reference: reference, Tag: reference == r.name+":"+tagOrDigest, Status: got.code, RetryAfter: got.after, Cause: cause,
	}
}

// Transient reports whether the same request may succeed when it is sent again, and how long the
// registry asks to wait before.
func Transient(err error) (wait time.Duration, transient bool) {
	var (
		manifest    *ManifestError
		unreachable *UnreachableError
		denied      *DeniedError
		token       *TokenError // after several attempts
	)
	switch {
	case errors.As(err, &denied), errors.As(err, &token):
		return 0, false
	case errors.As(err, &manifest):
		return manifest.RetryAfter, transientStatus(manifest.Status)
	case errors.As(err, &unreachable):
		return 0, !unreachable.Untrusted && !unreachable.Plain && !forbidden(unreachable.Cause)
	}
	var network net.Error
	return 0, errors.As(err, &network)
}

// forbidden reports whether this client itself did not send the request.
func forbidden(err error) bool {
	var plain *PlainError
	var redirect *RedirectError
	var unknown *net.DNSError
	return errors.As(err, &plain) || errors.As(err, &redirect) || errors.As(err, &unknown) && unknown.IsNotFound
}

func transientStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return code > http.StatusHTTPVersionNotSupported // e.g. those of Cloudflare
}
