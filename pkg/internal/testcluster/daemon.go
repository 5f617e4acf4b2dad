package testcluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	gatewayapi "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/grpchijack"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// Daemon is BuildKit in a Pod. Its fields are set before it is asked.
type Daemon struct {
	controlapi.UnimplementedControlServer
	// OnSolve answers builds; nil returns a result without an image.
	OnSolve func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error)
	// OnEvaluate runs the steps of builds whose frontend the client runs: their OnSolve only
	// exports. nil runs nothing, and does not wait for the client.
	OnEvaluate func(context.Context, *gatewayapi.SolveRequest) error
	// Version is "v9.8.7" if it is empty.
	Version string
	// Platform is the native one; empty is linux/amd64.
	Platform string
	// Workers is how many it has; negative is none.
	Workers int
	// Records are the builds of its history.
	Records []*controlapi.BuildHistoryRecord
	// Active is how many builds it has besides those that it is asked for.
	Active int
	// Changed are the requests to pin and remove records.
	Changed []*controlapi.UpdateBuildHistoryRequest
	// Sessions are those of the clients.
	Sessions *session.Manager

	listener *listener
	server   *grpc.Server

	mu     sync.Mutex
	frozen bool
	conns  []net.Conn
	begun  map[string]chan struct{} // closed when it has, by the reference of the solve
	solved map[string]chan struct{}

	returned map[string]chan struct{} // closed when the client has returned the result of its frontend
	refused  map[string]error         // which it returned instead
}

// start makes the daemon listen.
func (d *Daemon) start(config *tls.Config) error {
	var err error
	if d.Sessions, err = session.NewManager(); err != nil {
		return err
	}
	d.begun, d.solved = map[string]chan struct{}{}, map[string]chan struct{}{}
	d.returned, d.refused = map[string]chan struct{}{}, map[string]error{}
	options := []grpc.ServerOption{
		grpc.UnaryInterceptor(grpcerrors.UnaryServerInterceptor), grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor),
	}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	d.listener, d.server = newListener(), grpc.NewServer(options...)
	controlapi.RegisterControlServer(d.server, d)
	gatewayapi.RegisterLLBBridgeServer(d.server, gateway{daemon: d})
	go func() { _ = d.server.Serve(d.listener) }()
	return nil
}

// Stop ends the daemon: new connections to it are refused.
func (d *Daemon) Stop() {
	d.Cut() // the server waits for those that have sent nothing
	d.server.Stop()
}

// Cut ends all connections to the daemon, which takes new ones.
func (d *Daemon) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conn := range d.conns {
		_ = conn.Close()
	}
}

// Freeze makes new connections open, and nothing answer on them, as of a process that is stopped.
func (d *Daemon) Freeze() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frozen = true
}

func (d *Daemon) dial(ctx context.Context) (net.Conn, error) {
	if d == nil {
		return nil, errors.New("connection refused")
	}
	d.mu.Lock()
	frozen := d.frozen
	d.mu.Unlock()
	var conn net.Conn
	var err error
	if frozen {
		var far net.Conn
		conn, far = net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, far) }()
	} else {
		conn, err = d.listener.dial(ctx)
	}
	if err == nil {
		d.mu.Lock()
		d.conns = append(d.conns, conn)
		d.mu.Unlock()
	}
	return conn, err
}

// Open returns how many connections to it there are that no end has closed.
func (d *Daemon) Open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	open := 0
	for _, conn := range d.conns {
		if conn.SetReadDeadline(time.Time{}) == nil {
			open++
		}
	}
	return open
}

func (d *Daemon) when(channels map[string]chan struct{}, ref string) chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if channels[ref] == nil {
		channels[ref] = make(chan struct{})
	}
	return channels[ref]
}

// Solve builds.
func (d *Daemon) Solve(ctx context.Context, req *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
	close(d.when(d.begun, req.Ref))
	defer close(d.when(d.solved, req.Ref))
	if err := d.awaitReturn(ctx, req); err != nil {
		return nil, err
	}
	if d.OnSolve == nil {
		return &controlapi.SolveResponse{ExporterResponse: map[string]string{}}, nil
	}
	return d.OnSolve(ctx, req)
}

// Status has nothing to report, and ends with the build, at once with one that is in the history.
func (d *Daemon) Status(req *controlapi.StatusRequest, stream controlapi.Control_StatusServer) error {
	for _, record := range d.Records {
		if record.Ref == req.Ref {
			return nil
		}
	}
	for _, channels := range []map[string]chan struct{}{d.begun, d.solved} {
		select {
		case <-d.when(channels, req.Ref):
		case <-stream.Context().Done():
			return nil
		}
	}
	return nil
}

// Session serves a client's session.
func (d *Daemon) Session(stream controlapi.Control_SessionServer) error {
	conn, closed, opts := grpchijack.Hijack(stream)
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	go func() {
		select {
		case <-closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return d.Sessions.HandleConn(ctx, conn, opts)
}

// Info returns the version.
func (d *Daemon) Info(context.Context, *controlapi.InfoRequest) (*controlapi.InfoResponse, error) {
	version := d.Version
	if version == "" {
		version = "v9.8.7"
	}
	return &controlapi.InfoResponse{BuildkitVersion: &apitypes.BuildkitVersion{Version: version, Revision: "abc"}}, nil
}

// ListWorkers returns the workers.
func (d *Daemon) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	workers := &controlapi.ListWorkersResponse{}
	architecture := d.Platform
	if architecture == "" {
		architecture = "amd64"
	}
	for range max(d.Workers, 1) {
		if d.Workers >= 0 {
			workers.Record = append(workers.Record, &apitypes.WorkerRecord{ID: "w", Platforms: []*pb.Platform{{OS: "linux", Architecture: architecture}}})
		}
	}
	return workers, nil
}

// DiskUsage returns two records.
func (d *Daemon) DiskUsage(context.Context, *controlapi.DiskUsageRequest) (*controlapi.DiskUsageResponse, error) {
	return &controlapi.DiskUsageResponse{Record: []*controlapi.UsageRecord{{ID: "a", Size: 5, InUse: true}, {ID: "b", Size: 7}}}, nil
}

// ListenBuildHistory returns the records, or the builds that are active.
func (d *Daemon) ListenBuildHistory(req *controlapi.BuildHistoryRequest, stream controlapi.Control_ListenBuildHistoryServer) error {
	kind, records := controlapi.BuildHistoryEventType_COMPLETE, d.Records
	if req.ActiveOnly {
		kind, records = controlapi.BuildHistoryEventType_STARTED, nil
		for i := range d.Active {
			records = append(records, &controlapi.BuildHistoryRecord{Ref: fmt.Sprint("active-", i)})
		}
	}
	for _, record := range records {
		if err := stream.Send(&controlapi.BuildHistoryEvent{Type: kind, Record: record}); err != nil {
			return err
		}
	}
	return nil
}

// UpdateBuildHistory notes what is asked for.
func (d *Daemon) UpdateBuildHistory(_ context.Context, req *controlapi.UpdateBuildHistoryRequest) (*controlapi.UpdateBuildHistoryResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Changed = append(d.Changed, req)
	return &controlapi.UpdateBuildHistoryResponse{}, nil
}
