package request

import (
	"errors"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

func TestCompress(t *testing.T) {
	for value, want := range map[string]upload.Mode{
		"": upload.Auto, "auto": upload.Auto, "always": upload.Always, "never": upload.Never, "true": upload.Always, "false": upload.Never,
	} {
		r := &Request{}
		if err := (Upload{Compress: value}).apply(r, Environment{}); err != nil || r.upload.Compress != want {
			t.Errorf("%q: got %q, %v", value, r.upload.Compress, err)
		}
	}
	var usage *UsageError
	if err := (Upload{Compress: "zstd"}).apply(&Request{}, Environment{}); !errors.As(err, &usage) || usage.Flag != "--compress" {
		t.Errorf("got %v", err)
	}
}
