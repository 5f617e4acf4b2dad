package history

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/services/content/contentserver"
	controlapi "github.com/moby/buildkit/api/services/control"
	workerapi "github.com/moby/buildkit/api/types"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/grpcerrors"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// fakeDaemon is a daemon with records that a test decides, and a real content store.
type fakeDaemon struct {
	controlapi.UnimplementedControlServer
	store    content.Store
	records  []*controlapi.BuildHistoryRecord
	statuses map[string][]*controlapi.StatusResponse
	onStatus func(ref string, stream controlapi.Control_StatusServer) error // after the statuses; may be nil
	onList   func(context.Context)                                          // after the records; may be nil
	updates  []*controlapi.UpdateBuildHistoryRequest
}

func newDaemon(t *testing.T) *fakeDaemon {
	t.Helper()
	store, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &fakeDaemon{store: store, statuses: map[string][]*controlapi.StatusResponse{}}
}

// start makes the daemon listen, and returns a client of it.
func (d *fakeDaemon) start(t *testing.T) *client.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.UnaryInterceptor(grpcerrors.UnaryServerInterceptor), grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor),
	)
	controlapi.RegisterControlServer(server, d)
	contentapi.RegisterContentServer(server, contentserver.New(d.store))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	c, err := client.New(t.Context(), "tcp://"+listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// blob puts text into the daemon's store.
func (d *fakeDaemon) blob(t *testing.T, mediaType, text string) *controlapi.Descriptor {
	t.Helper()
	at := ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromString(text), Size: int64(len(text))}
	writer, err := content.OpenWriter(t.Context(), d.store, content.WithRef(at.Digest.String()), content.WithDescriptor(at))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Commit(t.Context(), at.Size, at.Digest); err != nil {
		t.Fatal(err)
	}
	return &controlapi.Descriptor{MediaType: mediaType, Digest: at.Digest.String(), Size: at.Size}
}

// The daemon's clock is a year ahead of every other.
func daemonTime() time.Time { return time.Now().AddDate(1, 0, 0).UTC().Truncate(time.Second) }

func (d *fakeDaemon) ListenBuildHistory(ask *controlapi.BuildHistoryRequest, stream controlapi.Control_ListenBuildHistoryServer) error {
	header := metadata.Pairs("buildkit-current-timestamp", daemonTime().Format(time.RFC3339Nano))
	if err := stream.SendHeader(header); err != nil {
		return err
	}
	if !ask.EarlyExit {
		return fmt.Errorf("the listener would wait for ever")
	}
	for _, record := range d.records {
		kind := controlapi.BuildHistoryEventType_COMPLETE
		if record.CompletedAt == nil {
			kind = controlapi.BuildHistoryEventType_STARTED
		}
		if ask.Ref != "" && ask.Ref != record.Ref {
			continue
		}
		if err := stream.Send(&controlapi.BuildHistoryEvent{Type: kind, Record: record}); err != nil {
			return err
		}
	}
	if d.onList != nil {
		d.onList(stream.Context())
	}
	return nil
}

func (d *fakeDaemon) Status(ask *controlapi.StatusRequest, stream controlapi.Control_StatusServer) error {
	for _, status := range d.statuses[ask.Ref] {
		if err := stream.Send(status); err != nil {
			return err
		}
	}
	if d.onStatus != nil {
		return d.onStatus(ask.Ref, stream)
	}
	return nil
}

func (d *fakeDaemon) UpdateBuildHistory(_ context.Context, ask *controlapi.UpdateBuildHistoryRequest) (*controlapi.UpdateBuildHistoryResponse, error) {
	d.updates = append(d.updates, ask)
	return &controlapi.UpdateBuildHistoryResponse{}, nil
}

func (d *fakeDaemon) ListWorkers(context.Context, *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	platform := &pb.Platform{OS: "linux", Architecture: "arm64"}
	return &controlapi.ListWorkersResponse{Record: []*workerapi.WorkerRecord{{ID: "w", Platforms: []*pb.Platform{platform}}}}, nil
}

// entry is a build that ended well: began seconds ago, took seconds.
func entry(ref string, ago, took int) *controlapi.BuildHistoryRecord {
	created := daemonTime().Add(-time.Duration(ago) * time.Second)
	return &controlapi.BuildHistoryRecord{
		Ref: ref, Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{},
		CreatedAt: timestamppb.New(created), CompletedAt: timestamppb.New(created.Add(time.Duration(took) * time.Second)),
		NumTotalSteps: 5, NumCompletedSteps: 4, NumCachedSteps: 3, NumWarnings: 1,
	}
}
