package testcluster

import (
	"context"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client/buildid"
	gatewayapi "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc/status"
)

// gateway is what a client runs a frontend through, before the daemon exports its result.
type gateway struct {
	gatewayapi.UnimplementedLLBBridgeServer
	daemon *Daemon
}

// Ping returns what BuildKit can do.
func (g gateway) Ping(context.Context, *gatewayapi.PingRequest) (*gatewayapi.PongResponse, error) {
	return &gatewayapi.PongResponse{FrontendAPICaps: gatewayapi.Caps.All(), LLBCaps: pb.Caps.All()}, nil
}

// Solve runs all steps.
func (g gateway) Solve(ctx context.Context, req *gatewayapi.SolveRequest) (*gatewayapi.SolveResponse, error) {
	if g.daemon.OnEvaluate != nil {
		if err := g.daemon.OnEvaluate(ctx, req); err != nil {
			return nil, err
		}
	}
	return &gatewayapi.SolveResponse{Result: &gatewayapi.Result{Result: &gatewayapi.Result_Ref{Ref: &gatewayapi.Ref{}}}}, nil
}

// Return lets the daemon export the result, or end the build with the error of the client.
func (g gateway) Return(ctx context.Context, req *gatewayapi.ReturnRequest) (*gatewayapi.ReturnResponse, error) {
	ref := buildid.FromIncomingContext(ctx)
	if req.Error != nil {
		g.daemon.mu.Lock()
		g.daemon.refused[ref] = status.ErrorProto(req.Error)
		g.daemon.mu.Unlock()
	}
	close(g.daemon.when(g.daemon.returned, ref))
	return &gatewayapi.ReturnResponse{}, nil
}

// awaitReturn waits until the client has returned a result, if it runs the frontend itself.
func (d *Daemon) awaitReturn(ctx context.Context, req *controlapi.SolveRequest) error {
	if req.Frontend != "" || req.Definition != nil || d.OnEvaluate == nil {
		return nil
	}
	select {
	case <-d.when(d.returned, req.Ref):
	case <-ctx.Done():
		return ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refused[req.Ref]
}
