package driver_test

import (
	"context"
	"fmt"
	"strings"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// A program builds a directory and pushes the image. With the configuration of a real cluster, e.g.
// of clientcmd or of rest.InClusterConfig, the options need no transport.
func Example() {
	cluster := testcluster.New(testcluster.Panic{})
	defer cluster.Close()
	for _, daemon := range cluster.Install(builder.Spec{}) {
		daemon.OnSolve = func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
			return &controlapi.SolveResponse{ExporterResponse: map[string]string{"containerimage.digest": "sha256:" + strings.Repeat("1f", 32)}}, nil
		}
	}

	d := driver.New(cluster.Config(), "team")
	built, err := d.Build(context.Background(), driver.BuildOptions{
		Request: request.Options{
			Input:  request.Input{Path: "testdata/app"},
			Image:  request.Image{Tags: []string{"registry.example.com/team/app:1"}},
			Output: request.Output{Push: true},
		},
		Connect: driver.ConnectOptions{Transport: tunnel.SPDY},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(built.Line()[:44])
	// Output: registry.example.com/team/app:1@sha256:1f1f1
}
