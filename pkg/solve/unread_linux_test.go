package solve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc/metadata"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

// unreadable has files that open and give an error when they are read: what a dropped network mount
// is like.
func unreadable(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks("/sys/class/net/lo")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(filepath.Join(dir, "speed")); err == nil {
		t.Fatal("the speed of the loopback interface can be read")
	}
	return dir
}

// A build ends, and names the file, when one cannot be read. BuildKit's own client waits for ever,
// or sends an empty one.
func TestUnreadFileEndsTheBuild(t *testing.T) {
	dir := t.TempDir()
	gone := filepath.Join(dir, "gone")
	replace := func(by func() error) func() error {
		return func() error { return errors.Join(os.Remove(gone), by()) }
	}
	broken := unreadable(t)
	cacheOnly := request.Output{Outputs: []string{"type=cacheonly"}}
	for name, c := range map[string]struct {
		request     *request.Request
		mount, file string
		cause       error
		change      func() error // after the directory was listed
	}{
		"read error": {
			requestFor(t, t.TempDir(), cacheOnly, func(o *request.Options) { o.BuildContexts = []string{"n=" + broken} }),
			"n", "speed", nil, nil,
		},
		"read error, of a definition": {buildOfDefinition(t, broken), "n", "speed", nil, nil},
		"removed after it was listed": {requestFor(t, dir, cacheOnly), "context", "gone", fs.ErrNotExist, func() error { return os.Remove(gone) }},
		"a directory in its place":    {requestFor(t, dir, cacheOnly), "context", "gone", nil, replace(func() error { return os.Mkdir(gone, 0o755) })},
		"a pipe in its place":         {requestFor(t, dir, cacheOnly), "context", "gone", nil, replace(func() error { return syscall.Mkfifo(gone, 0o644) })},
		"a link in its place":         {requestFor(t, dir, cacheOnly), "context", "gone", nil, replace(func() error { return os.Symlink("/etc/hostname", gone) })},
	} {
		t.Run(name, func(t *testing.T) {
			if err := errors.Join(os.RemoveAll(gone), os.WriteFile(gone, []byte("text"), 0o644)); err != nil {
				t.Fatal(err)
			}
			daemon := &fakeDaemon{}
			daemon.solve = func(ctx context.Context, asked *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
				return &controlapi.SolveResponse{}, daemon.ask(ctx, asked.Session, c.mount, c.file, c.change)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err := build(ctx, daemon.start(t, nil).mustConnect(t), c.request, &recorder{})
			var unread *upload.FileError
			if !errors.As(err, &unread) || !slices.Contains([]string{dir, broken}, unread.Directory) || unread.Name != c.file {
				t.Fatalf("got %v", err)
			}
			if c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("the cause is %v", unread.Cause)
			}
		})
	}
}

// ask lists the directory, and then asks for the file as a daemon does: it waits for all of its
// content.
func (f *fakeDaemon) ask(ctx context.Context, id, mount, file string, change func() error) error {
	caller, err := f.sessions.Get(ctx, id, false)
	if err != nil {
		return err
	}
	ctx = metadata.NewOutgoingContext(caller.Context(ctx), metadata.Pairs("dir-name", mount, "include-patterns", file))
	call, err := filesync.NewFileSyncClient(caller.Conn()).DiffCopy(ctx)
	if err != nil {
		return err
	}
	for {
		var listed types.Packet
		if err := call.RecvMsg(&listed); err != nil {
			return err
		}
		if listed.Stat == nil {
			break
		}
	}
	if change != nil {
		if err := change(); err != nil {
			return err
		}
	}
	if err := call.SendMsg(&types.Packet{Type: types.PACKET_REQ}); err != nil {
		return err
	}
	for {
		var content types.Packet
		if err := call.RecvMsg(&content); err != nil {
			return err
		}
		if len(content.Data) == 0 {
			return errors.New("the file is empty")
		}
	}
}

func buildOfDefinition(t *testing.T, dir string) *request.Request {
	t.Helper()
	made, err := llb.Scratch().File(llb.Copy(llb.Local("n"), "/", "/")).Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := llb.WriteTo(made, &text); err != nil {
		t.Fatal(err)
	}
	req, err := request.New(t.Context(), request.Options{Frontend: request.Frontend{Locals: []string{"n=" + dir}}}, request.Environment{
		WorkingDir: dir, LookupEnv: func(string) (string, bool) { return "", false }, Stdin: &text, Stdout: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	return req
}
