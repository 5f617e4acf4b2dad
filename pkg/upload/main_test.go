package upload

import (
	"os"
	"testing"

	"google.golang.org/grpc/encoding"
)

// otherEncoding is what a daemon offers that does not offer ours.
const otherEncoding = "other"

// TestMain registers the compressor as the program's main does.
func TestMain(m *testing.M) {
	RegisterCompressor()
	encoding.RegisterCompressor(other{newCompressor()})
	os.Exit(m.Run())
}

type other struct{ *compressor }

func (other) Name() string { return otherEncoding }
