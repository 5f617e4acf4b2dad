package request

import (
	"errors"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
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
	var wrong *usage.Error
	if err := (Upload{Compress: "zstd"}).apply(&Request{}, Environment{}); !errors.As(err, &wrong) || wrong.What != "--compress" {
		t.Errorf("got %v", err)
	}
}

func TestContextWarning(t *testing.T) {
	for value, want := range map[string]int64{"": 0, "0": 0, "100m": 100 << 20, "1GB": 1 << 30} {
		r := &Request{}
		if err := (Upload{ContextWarning: value}).apply(r, Environment{}); err != nil || r.upload.Large != want {
			t.Errorf("%q: got %d, %v", value, r.upload.Large, err)
		}
	}
	var wrong *usage.Error
	if err := (Upload{ContextWarning: "much"}).apply(&Request{}, Environment{}); !errors.As(err, &wrong) || wrong.What != "--context-warning" {
		t.Errorf("got %v", err)
	}
}
