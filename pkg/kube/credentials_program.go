package kube

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// CredentialsError is returned when the program that the kubeconfig names for credentials, e.g. a
// cloud's command line, fails, is not installed or prints something else. The cluster was not
// asked.
type CredentialsError struct {
	Host string
	Err  error
}

// Missing reports whether the program is not there.
func (e *CredentialsError) Missing() bool {
	text := e.Err.Error()
	return strings.Contains(text, " not found") || strings.Contains(text, "no such file or directory")
}

func (e *CredentialsError) Error() string {
	_, reason, _ := strings.Cut(e.Err.Error(), gettingCredentials)
	reason, _, _ = strings.Cut(reason, "\n") // client-go adds where its documentation is
	if strings.HasPrefix(reason, "decoding stdout: ") {
		reason = "the output of the program is not an ExecCredential in JSON"
	}
	return fmt.Sprintf("getting credentials for cluster %s: %s", e.Host, reason)
}

func (e *CredentialsError) Unwrap() error { return e.Err }

// Class returns fault.Denied.
func (*CredentialsError) Class() fault.Class { return fault.Denied }

// gettingCredentials is how client-go begins the error of such a program, which has no type.
const gettingCredentials = "getting credentials: "

// LacksCredentials reports whether a request failed since the program for credentials did.
func LacksCredentials(err error) bool {
	return err != nil && strings.Contains(err.Error(), gettingCredentials)
}

// interruptible is a round tripper that ends with the context of the request. client-go waits for
// the program of the kubeconfig that has the credentials, whatever that takes: one that hangs, e.g.
// since its cloud does not answer, would hold every command, Ctrl-C included.
type interruptible struct{ http.RoundTripper }

func (i *interruptible) RoundTrip(r *http.Request) (*http.Response, error) {
	type result struct {
		response *http.Response
		err      error
	}
	done := make(chan result, 1)
	go func() {
		response, err := i.RoundTripper.RoundTrip(r) //nolint:bodyclose // by its receiver
		done <- result{response, err}
	}()
	select {
	case got := <-done:
		return got.response, got.err
	case <-r.Context().Done():
	}
	go func() {
		if got := <-done; got.err == nil {
			_ = got.response.Body.Close()
		}
	}()
	return nil, r.Context().Err()
}

// WrappedRoundTripper lets client-go find the transport below.
func (i *interruptible) WrappedRoundTripper() http.RoundTripper { return i.RoundTripper }
