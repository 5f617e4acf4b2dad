package kube

import "net/http"

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
