package driver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

func TestTraceIsAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	target, err := safefile.NewTarget(path, safefile.TargetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		file, err := openTrace(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "xx" {
		t.Errorf("got %q, %v", text, err)
	}
	if file, err := openTrace(t.Context(), nil); err != nil || file.Close() != nil {
		t.Errorf("no trace: %v", err)
	}
}
