package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimachinery "k8s.io/apimachinery/pkg/version"
)

// Server is the API server as it is felt from here.
type Server struct {
	// Version is Kubernetes' own, e.g. "v1.37.2"; empty when it does not say.
	Version string `json:"version"`
	// Connect is how long the first answer took, with TCP and TLS, in nanoseconds; RoundTrip is the
	// time of a second one.
	Connect   time.Duration `json:"connectNanoseconds"`
	RoundTrip time.Duration `json:"roundTripNanoseconds"`
}

// Server asks the API server for its version, twice.
func (c *Client) Server(ctx context.Context) (Server, error) {
	var server Server
	ask := func(took *time.Duration) ([]byte, error) {
		start := time.Now()
		raw, err := c.api.Get().AbsPath("/version").DoRaw(ctx)
		*took = time.Since(start)
		if apierrors.IsForbidden(err) {
			return nil, nil // an answer all the same
		}
		return raw, c.failure(ctx, err, "get", "version", "")
	}
	if _, err := ask(&server.Connect); err != nil {
		return server, err
	}
	raw, err := ask(&server.RoundTrip)
	if err != nil || raw == nil {
		return server, err
	}
	var said apimachinery.Info
	if err := json.Unmarshal(raw, &said); err != nil {
		return server, fmt.Errorf("reading the version of cluster %s: %w", c.host, err)
	}
	server.Version = said.GitVersion
	return server, nil
}
