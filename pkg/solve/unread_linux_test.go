package solve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

// unreadable has files that open and give an error when they are read: what a dropped network mount is like.
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

// A build ends, and names the file, when one cannot be read. BuildKit's own client waits for ever, or sends an empty one.
func TestUnreadFileEndsTheBuild(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gone"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	broken := unreadable(t)
	cacheOnly := request.Output{Outputs: []string{"type=cacheonly"}}
	for name, c := range map[string]struct {
		request     *request.Request
		mount, file string
		cause       error
		remove      string
	}{
		"read error": {
			requestFor(t, t.TempDir(), cacheOnly, func(o *request.Options) { o.BuildContexts = []string{"n=" + broken} }),
			"n", "speed", nil, "",
		},
		"read error, of a definition": {buildOfDefinition(t, broken), "n", "speed", nil, ""},
		"removed after it was listed": {requestFor(t, dir, cacheOnly), "context", "gone", fs.ErrNotExist, filepath.Join(dir, "gone")},
	} {
		t.Run(name, func(t *testing.T) {
			daemon := &fakeDaemon{}
			daemon.solve = func(ctx context.Context, asked *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
				return &controlapi.SolveResponse{}, daemon.ask(ctx, asked.Session, c.mount, c.file, c.remove)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err := build(ctx, daemon.start(t, nil).mustConnect(t), c.request, &recorder{})
			var unread *upload.FileError
			if !errors.As(err, &unread) || unread.Mount != c.mount || unread.Name != c.file {
				t.Fatalf("got %v", err)
			}
			if c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("the cause is %v", unread.Cause)
			}
		})
	}
}

// ask lists the directory, and then asks for the file as a daemon does: it waits for all of its content.
func (f *fakeDaemon) ask(ctx context.Context, id, mount, file, remove string) error {
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
	if remove != "" {
		if err := os.Remove(remove); err != nil {
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
