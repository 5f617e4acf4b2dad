package solve

import (
	"context"
	"errors"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

func TestMinorOf(t *testing.T) {
	for version, want := range map[string]int{"v0.31.0": 31, "v0.9.3": 9, "v0.40.0-rc1": 40, "v1.0.0": -1, "0.0.0+unknown": -1, "v0.x": -1, "": -1} {
		if got, isRelease := minorOf(version); isRelease != (want >= 0) || isRelease && got != want {
			t.Errorf("%q: got %d, %v", version, got, isRelease)
		}
	}
}

// TestProxyNetwork proves that the wish is sent to a daemon that obeys it, and to no other: it
// would let the steps out.
func TestProxyNetwork(t *testing.T) {
	for version, known := range map[string]bool{"v0.31.0": true, "v0.30.2": false, "v9.8.7": true} {
		var asked *controlapi.SolveRequest
		daemon := (&fakeDaemon{version: version, solve: func(_ context.Context, req *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
			asked = req
			return &controlapi.SolveResponse{}, nil
		}}).start(t, nil)
		req := requestFor(t, t.TempDir(), request.Output{Outputs: []string{"type=cacheonly"}}, func(o *request.Options) { o.ProxyNetwork = true })
		_, err := build(t.Context(), daemon.mustConnect(t), req, &recorder{})
		var unsupported *UnsupportedError
		if known != (err == nil && asked.GetProxyNetwork()) || !known && (!errors.As(err, &unsupported) || asked != nil) {
			t.Errorf("%s: asked %v, got %v", version, asked, err)
		}
	}
}
