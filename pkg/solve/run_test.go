package solve

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver/errdefs"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/grpc"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
)

const stepName = "[2/2] RUN make"

func newRequest(t *testing.T) *request.Request {
	t.Helper()
	return requestFor(t, t.TempDir(), request.Output{Push: true})
}

// requestFor builds dir, which gets a Dockerfile.
func requestFor(t *testing.T, dir string, output request.Output, changes ...func(*request.Options)) *request.Request {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nRUN make\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	opts := request.Options{
		Input:  request.Input{Path: dir},
		Image:  request.Image{Tags: []string{"example.com/a:1"}},
		Output: output,
	}
	for _, change := range changes {
		change(&opts)
	}
	req, err := request.New(t.Context(), opts, request.Environment{WorkingDir: dir, LookupEnv: func(string) (string, bool) { return "", false }, Stdin: archive(t), Stdout: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// recorder is a display that remembers.
type recorder struct {
	mu    sync.Mutex
	names []string
	seen  chan struct{} // if not nil, closed at the first name
	ended chan struct{}
}

func (r *recorder) Attach() chan *client.SolveStatus {
	statuses := make(chan *client.SolveStatus)
	ended := make(chan struct{})
	r.mu.Lock()
	r.ended = ended // of the last attempt
	r.mu.Unlock()
	go func() {
		defer close(ended)
		for status := range statuses {
			r.mu.Lock()
			for _, vertex := range status.Vertexes {
				if r.names = append(r.names, vertex.Name); len(r.names) == 1 && r.seen != nil {
					close(r.seen)
				}
			}
			r.mu.Unlock()
		}
	}()
	return statuses
}

// build runs the request on a connection that is not replaced.
func build(ctx context.Context, d *Daemon, req *request.Request, display Display, attachables ...session.Attachable) (*result.Result, error) {
	built, _, err := Build{Request: req, Display: display, Attachables: attachables}.Run(ctx, d)
	return built, err
}

// ask runs the request on a daemon that answers with solve once the display knows of its step.
func ask(ctx context.Context, t *testing.T, solve func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error)) (*result.Result, *recorder, error) {
	t.Helper()
	display := &recorder{seen: make(chan struct{})}
	informed := func(ctx context.Context, req *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		<-display.seen
		return solve(ctx, req)
	}
	daemon := (&fakeDaemon{solve: informed, statuses: []*controlapi.StatusResponse{
		{Vertexes: []*controlapi.Vertex{{Digest: digest.FromString("step").String(), Name: stepName}}},
	}}).start(t, nil)
	res, err := build(ctx, daemon.mustConnect(t), newRequest(t), display)
	select {
	case <-display.ended:
	case <-time.After(10 * time.Second):
		t.Error("the display was not ended")
	}
	return res, display, err
}

func TestRun(t *testing.T) {
	var asked *controlapi.SolveRequest
	made := digest.FromString("image").String()
	got, display, err := ask(t.Context(), t, func(_ context.Context, req *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		asked = req
		return &controlapi.SolveResponse{ExporterResponse: map[string]string{"containerimage.digest": made}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := "example.com/a:1@" + made; got.Line() != want {
		t.Errorf("got %q, want %q", got.Line(), want)
	}
	if got.Ref() == "" || got.Ref() != asked.Ref {
		t.Errorf("the reference is %q, the daemon was asked for %q", got.Ref(), asked.Ref)
	}
	if len(display.names) != 1 || display.names[0] != stepName {
		t.Errorf("the display got %q", display.names)
	}
}

// TestOutputFile proves that a file which the daemon sent is there after a build
// that succeeded, and that a build which failed leaves nothing.
func TestOutputFile(t *testing.T) {
	for name, failure := range map[string]error{"succeeds": nil, "fails": errors.New("no space left on device")} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			daemon := &fakeDaemon{}
			daemon.solve = func(ctx context.Context, req *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
				if err := daemon.send(ctx, req.Session, "archive"); err != nil {
					t.Error(err)
				}
				return &controlapi.SolveResponse{}, failure
			}
			req := requestFor(t, dir, request.Output{Outputs: []string{"type=tar,dest=out/x.tar"}})
			_, err := build(t.Context(), daemon.start(t, nil).mustConnect(t), req, &recorder{})
			if (err == nil) != (failure == nil) {
				t.Fatal(err)
			}
			left, err := filepath.Glob(filepath.Join(dir, "out", "*"))
			if err != nil {
				t.Fatal(err)
			}
			hidden, err := filepath.Glob(filepath.Join(dir, "out", ".*"))
			if err != nil {
				t.Fatal(err)
			}
			if failure != nil {
				if len(left)+len(hidden) > 0 {
					t.Errorf("there are %v", append(left, hidden...))
				}
				return
			}
			if text, err := os.ReadFile(filepath.Join(dir, "out", "x.tar")); err != nil || string(text) != "archive" {
				t.Errorf("got %q, %v", text, err)
			}
		})
	}
}

// knowing is an attachable that explains errors.
type knowing struct{ err error }

func (k knowing) Register(*grpc.Server)   {}
func (k knowing) Explain(err error) error { return errors.Join(k.err, err) }

func TestAttachableExplains(t *testing.T) {
	why := errors.New("wrong password")
	denied := errdefs.WrapVertex(errors.New("401 Unauthorized"), digest.FromString("step"))
	program := errdefs.WrapVertex(&gateway.ExitError{ExitCode: 1, Err: errors.New("401 Unauthorized")}, digest.FromString("step"))
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"a registry":    {denied, true},
		"not a program": {program, false},
	} {
		daemon := (&fakeDaemon{solve: failing(test.err)}).start(t, nil)
		_, err := build(t.Context(), daemon.mustConnect(t), newRequest(t), &recorder{}, knowing{why})
		if errors.Is(err, why) != test.want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestCancel proves that the daemon is told, and waited for.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := make(chan struct{})
	_, _, err := ask(ctx, t, func(ctx context.Context, _ *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		cancel(errors.New("Ctrl-C"))
		<-ctx.Done()
		close(stopped)
		return nil, ctx.Err()
	})
	select {
	case <-stopped:
	case <-time.After(5 * time.Second):
		t.Error("the daemon still works")
	}
	var canceled *CanceledError
	if !errors.As(err, &canceled) || canceled.Cause.Error() != "Ctrl-C" {
		t.Errorf("got %#v", err)
	}
}

// TestCancelOfDeafDaemon proves that a daemon which does not answer any more
// cannot hold the user, and one that has told nothing yet not even for as long.
func TestCancelOfDeafDaemon(t *testing.T) {
	heard := []*controlapi.StatusResponse{{Vertexes: []*controlapi.Vertex{{Digest: "sha256:1", Name: "RUN sleep"}}}}
	for name, c := range map[string]struct {
		statuses []*controlapi.StatusResponse
		grace    time.Duration
	}{
		"after a word":  {heard, 200 * time.Millisecond},
		"before a word": {nil, time.Minute},
	} {
		t.Run(name, func(t *testing.T) { cancelDeafDaemon(t, c.statuses, c.grace) })
	}
}

func cancelDeafDaemon(t *testing.T, statuses []*controlapi.StatusResponse, grace time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	forever := make(chan struct{})
	defer close(forever)
	daemon := (&fakeDaemon{statuses: statuses, solve: func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		cancel()
		<-forever
		return nil, nil
	}}).start(t, nil)
	d := daemon.mustConnect(t)
	d.grace = grace
	began := time.Now()
	_, err := build(ctx, d, newRequest(t), &recorder{})
	var canceled *CanceledError
	if !errors.As(err, &canceled) {
		t.Errorf("got %#v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestLostDuringRun(t *testing.T) {
	why := errors.New("pod buildkitd was OOM-killed")
	_, err := build(t.Context(), lossy(t, why), newRequest(t), &recorder{})
	var lost *LostError
	if !errors.As(err, &lost) || !errors.Is(err, why) {
		t.Errorf("got %#v", err)
	}
}
