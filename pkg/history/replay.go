package history

import (
	"context"
	"errors"
	"fmt"
	"io"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Replay calls see with every status of the build, and follows a running one to its
// end.
func Replay(ctx context.Context, c *client.Client, ref string, see func(*client.SolveStatus)) error {
	statuses, err := c.ControlClient().Status(ctx, &controlapi.StatusRequest{Ref: ref})
	if err != nil {
		return err
	}
	for {
		status, err := statuses.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		see(client.NewSolveStatus(status))
	}
}

// Failure returns the error of the build, with the details that BuildKit attached
// to it: the step, the lines of the Dockerfile. It is nil if the build did not
// fail.
func Failure(ctx context.Context, c *client.Client, record Record) (failure, err error) {
	recorded := record.entry.Error
	if blob := record.entry.ExternalError; blob != nil {
		text, err := blobsOf(c).read(ctx, blob)
		if err != nil {
			return nil, fmt.Errorf("reading the error of build %q: %w", record.Ref, err)
		}
		recorded = &spb.Status{}
		if err := proto.Unmarshal(text, recorded); err != nil {
			return nil, fmt.Errorf("decoding the error of build %q: %w", record.Ref, err)
		}
	}
	if recorded == nil {
		return nil, nil
	}
	return grpcerrors.FromGRPC(status.ErrorProto(recorded)), nil
}

func descriptor(from *controlapi.Descriptor) ocispecs.Descriptor {
	return ocispecs.Descriptor{
		MediaType: from.MediaType, Digest: digest.Digest(from.Digest), Size: from.Size, Annotations: from.Annotations,
	}
}
