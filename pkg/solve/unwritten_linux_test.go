package solve

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// Why an archive could not be written here is known here: the daemon repeats it as a text of its
// own.
func TestUnwrittenArchive(t *testing.T) {
	dir := t.TempDir()
	pipe, late := filepath.Join(dir, "pipe"), filepath.Join(dir, "later", "out.tar")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	for name, c := range map[string]struct {
		dest   string
		cause  error
		next   string
		before func() error
	}{
		"a full disk": {"/dev/full", syscall.ENOSPC, "free space", nil},
		"a reader that is gone": {pipe, syscall.EPIPE, "keep the program", func() error {
			go func() {
				_, _ = reader.Read(make([]byte, 1))
				_ = reader.Close()
			}()
			return nil
		}},
		"a file in its way": {late, syscall.ENOTDIR, "", func() error { return os.WriteFile(filepath.Dir(late), nil, 0o600) }},
	} {
		t.Run(name, func(t *testing.T) {
			daemon := &fakeDaemon{}
			daemon.solve = func(ctx context.Context, asked *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
				if c.before != nil {
					if err := c.before(); err != nil {
						t.Error(err)
					}
				}
				return &controlapi.SolveResponse{}, daemon.send(ctx, asked.Session, strings.Repeat("archive", 1<<18))
			}
			req := requestFor(t, t.TempDir(), request.Output{Outputs: []string{"type=tar,dest=" + c.dest}})
			_, err := build(t.Context(), daemon.start(t, nil).mustConnect(t), req, &recorder{})
			var unwritten *safefile.UnwritableError
			if !errors.As(err, &unwritten) || unwritten.Path != c.dest || !errors.Is(err, c.cause) || !strings.HasPrefix(unwritten.Next, c.next) {
				t.Errorf("got %T %v", err, err)
			}
			if text := err.Error(); strings.Contains(text, "rpc error") || strings.Contains(text, ".part") || strings.Count(text, "writing") != 1 {
				t.Errorf("it says %q", text)
			}
		})
	}
}
