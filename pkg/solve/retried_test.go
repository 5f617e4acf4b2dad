package solve

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// TestFailedStepIsNotRetried proves that what the Dockerfile does wrong is done once.
func TestFailedStepIsNotRetried(t *testing.T) {
	solves := 0
	daemon := (&fakeDaemon{solve: func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		solves++
		return nil, errors.New("exit code: 1")
	}}).start(t, nil)
	r := &told{}
	_, _, err := r.persistent(newRequest(t), func(context.Context, *LostError) (*Daemon, error) { panic("connected again") }).
		Run(t.Context(), daemon.mustConnect(t))
	var failed *BuildError
	if !errors.As(err, &failed) || solves != 1 || len(r.lost) > 0 {
		t.Errorf("%d solves: %v", solves, err)
	}
}

// TestLimitsOfPatience proves what users are promised, with room for the machine's pace: a silent
// link is noticed within 15 seconds during a build, and within 45 on a call that is quiet by
// nature, which ends as TestSilenceEndsACall shows.
func TestLimitsOfPatience(t *testing.T) {
	d := (&fakeDaemon{}).start(t, nil).mustConnect(t)
	if d.silenceLimits.ask >= d.silenceLimits.suspect || d.silenceLimits.suspect >= 15*time.Second || d.silenceLimits.dead > 43*time.Second {
		t.Errorf("got %+v", d.silenceLimits)
	}
}

func TestDoesNotGoOn(t *testing.T) {
	never := func(context.Context, *LostError) (*Daemon, error) { panic("connected again") }
	away := errors.New("the builder does not exist any more")
	for name, test := range map[string]struct {
		input     string // as PATH; "" is a directory
		output    string
		retries   int
		reconnect Reconnect
		final     string
		want      error
	}{
		"output that cannot be taken back": {"", "-", 2, never, "standard output", nil},
		"input that can be read once":      {"-", "out", 2, never, "can be read once", nil},
		"no retries":                       {"", "out", 0, never, "no retries are allowed", nil},
		"no builder":                       {"", "out", 2, func(context.Context, *LostError) (*Daemon, error) { return nil, away }, "", away},
	} {
		t.Run(name, func(t *testing.T) {
			r := &told{}
			b := r.persistent(requestFor(t, t.TempDir(), request.Output{Outputs: []string{test.output}}, func(o *request.Options) {
				if test.input != "" {
					o.Path = test.input
				}
			}), test.reconnect)
			b.Retries = test.retries
			_, _, err := b.Run(t.Context(), lossy(t, errors.New("evicted")))
			var lost *LostError
			if test.want == nil && (!errors.As(err, &lost) || !strings.Contains(lost.Final, test.final)) || !errors.Is(err, test.want) && test.want != nil {
				t.Errorf("got %v", err)
			}
			if len(r.lost) != 1 || len(r.overcome) != 1 || r.overcome[0] == nil {
				t.Errorf("told %q, %v", r.lost, r.overcome)
			}
		})
	}
}

// lossy is a connection that breaks for that reason as soon as its daemon, which has noted what it
// is asked, builds.
func lossy(t *testing.T, why error, note ...func(*controlapi.SolveRequest)) *Daemon {
	t.Helper()
	wrap, cut := breaking(why)
	d, err := (&fakeDaemon{solve: func(ctx context.Context, req *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		for _, note := range note {
			note(req)
		}
		cut()
		<-ctx.Done()
		return nil, ctx.Err()
	}}).start(t, nil).connect(t, nil, wrap)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// archive is a context as it comes over standard input: once.
func archive(t *testing.T) io.Reader {
	t.Helper()
	var packed bytes.Buffer
	w, text := tar.NewWriter(&packed), "FROM scratch\n"
	err := w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(text))})
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return &packed
}
