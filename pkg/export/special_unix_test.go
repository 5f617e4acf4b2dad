//go:build unix

package export_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/export"
)

// Pipes in a directory hold up nothing.
func TestPipesInLayouts(t *testing.T) {
	for _, name := range []string{"index.json", "oci-layout", "blobs"} {
		dir := t.TempDir()
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 2)
		go func() {
			_, err := export.NewLayout(dir)
			done <- err
			_, err = export.FindCache(dir, "", "")
			done <- err
		}()
		for range 2 {
			select {
			case err := <-done:
				if err == nil {
					t.Errorf("%s: it is taken for a layout", name)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: it waits", name)
			}
		}
	}
}
