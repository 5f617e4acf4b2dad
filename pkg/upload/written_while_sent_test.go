package upload

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	"github.com/tonistiigi/fsutil"
)

// A file that is written to while it is sent is named, however little was sent: the result has a
// part of it, and the build succeeds.
func TestFilesThatChangeAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		change func(path string) error
		want   bool
	}{
		"untouched":  {func(string) error { return nil }, false},
		"read":       {func(path string) error { _, err := os.ReadFile(path); return err }, false},
		"truncated":  {func(path string) error { return os.Truncate(path, 10) }, true},
		"grown":      {func(path string) error { return os.Truncate(path, 200_000) }, true},
		"rewritten":  {func(path string) error { return os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)) }, true},
		"replaced":   {func(path string) error { return os.Rename(path+".new", path) }, false}, // the former one is sent whole
		"mode alone": {func(path string) error { return os.Chmod(path, 0o600) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, file := range []string{"big", "big.new"} {
				if err := os.WriteFile(filepath.Join(dir, file), text(100_000), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			mounted, err := fsutil.NewFS(dir)
			if err != nil {
				t.Fatal(err)
			}
			opt := &client.SolveOpt{LocalMounts: map[string]fsutil.FS{"context": mounted}}
			Guard(opt, Options{}, func(failed *FileError) { t.Error(failed) })
			m := newMeter(Options{Directories: map[string]string{"context": "/src/app"}}, &fakeLink{})
			m.begin("context")
			file, err := countedFS{FS: opt.LocalMounts["context"], name: "context", meter: m}.Open("big")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(file, make([]byte, 50_000)); err != nil {
				t.Fatal(err)
			}
			if err := test.change(filepath.Join(dir, "big")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, file); err != nil {
				t.Fatal(err)
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
			if got := warnings(m); test.want != slices.Equal(got, []string{
				`files of "/src/app" were written to while they were sent, and may be incomplete in the result; ` +
					"build again when no program changes them, or exclude them with a .dockerignore:", "big",
			}) || !test.want && len(got) > 0 {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestFewChangedFilesAreNamed(t *testing.T) {
	m := newMeter(Options{}, &fakeLink{})
	m.changed("context", "early") // nothing has begun
	m.begin("context")
	for i := range 1000 {
		m.changed("context", fmt.Sprint(i))
	}
	if got := warnings(m); len(got) != 1+maxPaths+1 || got[maxPaths+1] != "and 995 more" {
		t.Errorf("got %q", got)
	}
}

// warnings returns the lines of the warnings at the end of the upload of "context".
func warnings(m *Meter) (lines []string) {
	now := time.Unix(1, 0)
	status := &client.SolveStatus{Statuses: []*client.VertexStatus{
		{ID: "transferring context:", Vertex: digest.FromString("step"), Started: &now, Completed: &now},
	}}
	m.Annotate(status)
	for _, warning := range status.Warnings {
		lines = append(lines, string(warning.Short))
		for _, detail := range warning.Detail {
			lines = append(lines, string(detail))
		}
	}
	return lines
}
