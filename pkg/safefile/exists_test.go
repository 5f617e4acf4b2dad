package safefile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

func TestExists(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		dir:                          true,
		file:                         true,
		filepath.Join(dir, "nofile"): false,
		filepath.Join(file, "below"): false, // a file has nothing below it
	} {
		if got := safefile.Exists(path); got != want {
			t.Errorf("Exists(%q) is %t, want %t", path, got, want)
		}
	}
}
