package kube

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// ForeignServerError is returned when something answers at the address of the cluster, and not as
// the API of Kubernetes does: a login page of the network, a web server, or an API server of which
// this is not the path.
type ForeignServerError struct {
	Host string
	// Answer is what it answers, e.g. "404 Not Found, text/html".
	Answer string
}

func (e *ForeignServerError) Error() string {
	return fmt.Sprintf("%s does not answer as the API of a cluster does: %s", e.Host, e.Answer)
}

// Class returns fault.Unavailable.
func (*ForeignServerError) Class() fault.Class { return fault.Unavailable }

// IsForeign reports whether err is a *ForeignServerError.
func IsForeign(err error) bool {
	var foreign *ForeignServerError
	return errors.As(err, &foreign)
}

// foreignFilter is a round tripper that refuses answers that no API server gives. client-go takes a
// page with status 404 for the answer that an object does not exist.
type foreignFilter struct {
	http.RoundTripper
	host string
}

func (f *foreignFilter) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := f.RoundTripper.RoundTrip(r)
	if err != nil || !isForeign(response) {
		return response, err
	}
	_ = response.Body.Close()
	answer := response.Status
	if kind := response.Header.Get("Content-Type"); kind != "" {
		answer += ", " + kind
	}
	return nil, &ForeignServerError{Host: f.host, Answer: answer}
}

// WrappedRoundTripper lets client-go find the transport below.
func (f *foreignFilter) WrappedRoundTripper() http.RoundTripper { return f.RoundTripper }

// isForeign reports whether no API server gives this answer. Failures that may pass, and those of
// authentication, may also be the answers of a proxy before one.
func isForeign(response *http.Response) bool {
	code, path := response.StatusCode, response.Request.URL.Path
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case kind == runtime.ContentTypeJSON, kind == runtime.ContentTypeProtobuf, code == http.StatusSwitchingProtocols:
		return false
	case code >= http.StatusInternalServerError, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusUnauthorized:
		return false
	case code >= http.StatusMultipleChoices && code < http.StatusBadRequest: // followed
		return false
	case code == http.StatusNotFound && strings.Contains(path, "/apis/"): // a group that it does not serve
		return kind == "text/html"
	case code < http.StatusMultipleChoices && strings.HasSuffix(path, "/log"):
		return kind == "text/html"
	}
	return kind != "" || code == http.StatusNoContent
}
