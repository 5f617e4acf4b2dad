package solve

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// hasty is a patience for tests.
func hasty() silenceLimits {
	return silenceLimits{ask: 100 * time.Millisecond, suspect: 200 * time.Millisecond, dead: 3 * time.Second}
}

// gate is a connection that can fall silent in both directions.
type gate struct {
	net.Conn
	mu   sync.Mutex
	open *sync.Cond
	shut bool
}

func newGate(conn net.Conn) *gate {
	g := &gate{Conn: conn}
	g.open = sync.NewCond(&g.mu)
	return g
}

func (g *gate) hold(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	g.open.Broadcast()
}

func (g *gate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.shut {
		g.open.Wait()
	}
}

func (g *gate) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	g.pass()
	return n, err
}

func (g *gate) Write(b []byte) (int, error) {
	g.pass()
	return g.Conn.Write(b)
}

func (g *gate) Close() error {
	err := g.Conn.Close() // first, so that what was held back goes nowhere
	g.hold(false)
	return err
}

// gated connects through a gate.
func (f *fakeDaemon) gated(t *testing.T) (*Daemon, *gate) {
	t.Helper()
	return f.gatedFor(t, hasty())
}

// gatedFor connects through a gate, and waits so long for a silent peer.
func (f *fakeDaemon) gatedFor(t *testing.T, patience silenceLimits) (*Daemon, *gate) {
	t.Helper()
	var g *gate
	d, err := connect(t.Context(), func(ctx context.Context) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", f.address)
		g = newGate(conn)
		return g, err
	}, nil, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, g
}

// running has a step that has started.
func running() []*controlapi.StatusResponse {
	return []*controlapi.StatusResponse{{Vertexes: []*controlapi.Vertex{
		{Digest: digest.FromString("step").String(), Name: stepName, Started: timestamppb.Now()},
	}}}
}

// told remembers what a build was told of its losses.
type told struct {
	lost     []string
	overcome []error
}

func (r *told) notice(lost *LostError) func(error) {
	r.lost = append(r.lost, lost.Cause.Error()+"|"+lost.Final)
	return func(err error) { r.overcome = append(r.overcome, err) }
}

// persistent is a build that may go on over what reconnect returns.
func (r *told) persistent(req *request.Request, reconnect Reconnect) Build {
	return Build{Request: req, Display: &recorder{}, Retries: 2, Reconnect: reconnect, Notice: r.notice}
}

func TestGoesOnAfterALoss(t *testing.T) {
	var refs []string
	d := lossy(t, errors.New("evicted"), func(req *controlapi.SolveRequest) { refs = append(refs, req.Ref) })
	second := (&fakeDaemon{solve: func(_ context.Context, req *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		refs = append(refs, req.Ref)
		return &controlapi.SolveResponse{}, nil
	}}).start(t, nil)
	r, next := &told{}, second.mustConnect(t)
	got, last, err := r.persistent(newRequest(t), func(context.Context, *LostError) (*Daemon, error) { return next, nil }).Run(t.Context(), d)
	if err != nil || last != next || len(refs) != 2 || refs[0] == refs[1] || got.Ref() != refs[1] {
		t.Errorf("got %v, %v; the daemons were asked for %q", got, err, refs)
	}
	if !slices.Equal(r.lost, []string{"evicted|"}) || len(r.overcome) != 1 || r.overcome[0] != nil {
		t.Errorf("told %q, %v", r.lost, r.overcome)
	}
}

// TestJoinsBeforeItLeaves proves that the connection which fell silent stays until the daemon works
// for the next one too.
func TestJoinsBeforeItLeaves(t *testing.T) {
	var mu sync.Mutex
	solves, alone := 0, false
	left := make(chan struct{})
	var g *gate
	daemon := &fakeDaemon{statuses: running(), telling: make(chan struct{}, 1)}
	daemon.telling <- struct{}{}
	daemon.solve = func(ctx context.Context, _ *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		mu.Lock()
		solves++
		mine := solves
		mu.Unlock()
		if mine == 1 {
			for len(daemon.telling) > 0 { // else the second one would be told what is for the first
				time.Sleep(time.Millisecond)
			}
			time.Sleep(20 * time.Millisecond)
			go g.hold(true)
			<-ctx.Done()
			close(left)
			return nil, ctx.Err()
		}
		select { // the step is not known to be shared yet
		case <-left:
			alone = true
		case <-time.After(50 * time.Millisecond):
		}
		daemon.telling <- struct{}{}
		<-left
		return &controlapi.SolveResponse{}, nil
	}
	daemon.start(t, nil)
	d, first := daemon.gated(t)
	g = first
	r := &told{}
	_, _, err := r.persistent(newRequest(t), func(context.Context, *LostError) (*Daemon, error) {
		next, _ := daemon.gated(t)
		return next, nil
	}).Run(t.Context(), d)
	if err != nil || alone || solves != 2 {
		t.Errorf("%d solves, the first one left too early: %v; %v", solves, alone, err)
	}
	if len(r.lost) != 1 || !strings.Contains(r.lost[0], "nothing was received over the connection") {
		t.Errorf("told %q", r.lost)
	}
}

func TestStaysWithALinkThatSpeaksAgain(t *testing.T) {
	var g *gate
	daemon := &fakeDaemon{statuses: running()}
	finish := make(chan struct{})
	daemon.solve = func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		go g.hold(true)
		<-finish
		return &controlapi.SolveResponse{}, nil
	}
	daemon.start(t, nil)
	d, first := daemon.gated(t)
	g = first
	r := &told{}
	_, last, err := r.persistent(newRequest(t), func(ctx context.Context, _ *LostError) (*Daemon, error) {
		g.hold(false)
		close(finish)
		<-ctx.Done()
		return nil, ctx.Err()
	}).Run(t.Context(), d)
	if err != nil || last != d {
		t.Errorf("got %v", err)
	}
	if len(r.overcome) != 1 || r.overcome[0] != nil {
		t.Errorf("told %q, %v", r.lost, r.overcome)
	}
}

// TestSilenceEndsACall proves that a call which is not a build does not hang either.
func TestSilenceEndsACall(t *testing.T) {
	d, g := (&fakeDaemon{}).start(t, nil).gatedFor(t, silenceLimits{ask: 200 * time.Millisecond, suspect: 300 * time.Millisecond, dead: 600 * time.Millisecond})
	if _, err := d.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.hold(true)
	began := time.Now()
	_, err := d.Version(t.Context())
	var silent *SilentError
	if !errors.As(err, &silent) || silent.LinkWorks {
		t.Errorf("got %v", err)
	}
	if took, most := time.Since(began), d.silenceLimits.dead+2*time.Second; took > most {
		t.Errorf("it took %v, want at most %v", took, most)
	}
}

func TestRetriesAreCounted(t *testing.T) {
	daemons := 0
	another := func() *Daemon {
		daemons++
		return lossy(t, errors.New("cut"))
	}
	r := &told{}
	b := r.persistent(newRequest(t), func(context.Context, *LostError) (*Daemon, error) { return another(), nil })
	_, _, err := b.Run(t.Context(), another())
	var lost *LostError
	if !errors.As(err, &lost) || lost.Final != "it was lost 2 times before" || daemons != 3 {
		t.Errorf("%d daemons; %v", daemons, err)
	}
}
