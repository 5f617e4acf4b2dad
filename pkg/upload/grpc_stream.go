package upload

import (
	"github.com/moby/buildkit/session/upload"
	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
)

// stream is a call of the daemon to which this client responds with data.
type stream[M any] struct {
	grpc.BidiStreamingServer[M, M]
	*sender
	agreed bool
}

// sender is what all calls of a session have in common.
type sender struct {
	policy *compressionPolicy
	meter  *Meter
}

// wrap negotiates the compression with the daemon, unless the mode is Never.
func wrap[M any](call grpc.BidiStreamingServer[M, M], sender *sender) *stream[M] {
	agreed := sender.policy.mode != Never && grpc.SetSendCompressor(call.Context(), encodingName) == nil
	return &stream[M]{BidiStreamingServer: call, sender: sender, agreed: agreed}
}

// SendMsg sends a message, compressed or not. gRPC compresses every message of the call, except one
// that was encoded before.
func (s *stream[M]) SendMsg(message any) error {
	data := payload(message)
	s.meter.count(len(data))
	if !s.agreed || s.policy.compress(data) {
		return s.BidiStreamingServer.SendMsg(message)
	}
	plain := &grpc.PreparedMsg{}
	if err := plain.Encode(s.BidiStreamingServer, message); err != nil {
		return err
	}
	return s.BidiStreamingServer.SendMsg(plain)
}

// payload returns the file content in a message; nil if it has none.
func payload(message any) []byte {
	switch message := message.(type) {
	case *types.Packet:
		return message.Data
	case *upload.BytesMessage:
		return message.Data
	}
	return nil
}
