package solve

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/session/filesync"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// fetchContext takes the client's directory as a daemon does.
func (f *fakeDaemon) fetchContext(ctx context.Context, id, into string) error {
	caller, err := f.sessions.Get(ctx, id, false)
	if err != nil {
		return err
	}
	return filesync.FSSync(ctx, caller, filesync.FSSendRequestOpt{Name: "context", DestDir: into})
}

// sentConn counts what the client sends.
type sentConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c sentConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}

// TestContextTravels proves that the session serves the context, through BuildKit's own code on
// both ends, compressed if that is asked for, and that the distance of the daemon is known by then.
func TestContextTravels(t *testing.T) {
	big := bytes.Repeat([]byte("all work and no play makes Jack a dull boy\n"), 50_000)
	// What is automatic depends on how fast the link looks, on a busy machine too: TestJudge has
	// that.
	for mode, compressed := range map[string]bool{"always": true, "never": false} {
		t.Run(mode, func(t *testing.T) {
			dir, into := t.TempDir(), t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "big"), big, 0o644); err != nil {
				t.Fatal(err)
			}
			daemon := &fakeDaemon{}
			daemon.solve = func(ctx context.Context, asked *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
				return &controlapi.SolveResponse{}, daemon.fetchContext(ctx, asked.Session, into)
			}
			var sent atomic.Int64
			d, err := daemon.start(t, nil).connect(t, nil, func(conn net.Conn) net.Conn { return sentConn{conn, &sent} })
			if err != nil {
				t.Fatal(err)
			}
			req := requestFor(t, dir, request.Output{Outputs: []string{"type=cacheonly"}}, func(o *request.Options) { o.Compress = mode })
			if _, err := build(t.Context(), d, req, &recorder{}); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(into, "big")); err != nil || !bytes.Equal(got, big) {
				t.Errorf("%d bytes arrived: %v", len(got), err)
			}
			if got := sent.Load(); (got < int64(len(big))/10) != compressed {
				t.Errorf("%d bytes were sent", got)
			}
			if written, waited := d.stats.Written(); written != sent.Load() || waited <= 0 {
				t.Errorf("measured %d bytes in %v", written, waited)
			}
			if rtt := d.stats.RoundTrip(); rtt <= 0 || rtt > 10*time.Second {
				t.Errorf("measured a round trip of %v", rtt)
			}
		})
	}
}

// TestSessionOfAnother proves that a session is never served with what another one provides.
func TestSessionOfAnother(t *testing.T) {
	d := (&fakeDaemon{}).start(t, nil).mustConnect(t)
	for _, meta := range []map[string][]string{{}, {sessionID: {"unknown"}}} {
		if conn, err := d.dialSession(t.Context(), "h2c", meta); err == nil {
			_ = conn.Close()
			t.Errorf("%v was dialed", meta)
		}
	}
}

// TestShortestAnswer proves that one late answer does not make the daemon look far.
func TestShortestAnswer(t *testing.T) {
	g := &linkStats{}
	for _, after := range []time.Duration{20, 5, 90} {
		g.answered(after)
	}
	if got := g.RoundTrip(); got != 5 {
		t.Errorf("got %v", got)
	}
}

// TestNamesNeedNotBeUTF8 proves that file names and link targets arrive as they are, and values of
// arguments.
func TestNamesNeedNotBeUTF8(t *testing.T) {
	const name = "caf\xe9.txt"
	dir, into := t.TempDir(), t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644), os.Symlink("to "+name, filepath.Join(dir, "link"))); err != nil {
		t.Skip("this file system wants UTF-8: ", err)
	}
	daemon := &fakeDaemon{}
	daemon.solve = func(ctx context.Context, asked *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		if got := asked.FrontendAttrs["build-arg:who"]; got != name {
			t.Errorf("the argument is %q", got)
		}
		return &controlapi.SolveResponse{ExporterResponse: map[string]string{"who": name}}, daemon.fetchContext(ctx, asked.Session, into)
	}
	req := requestFor(t, dir, request.Output{Outputs: []string{"type=cacheonly"}}, func(o *request.Options) { o.BuildArgs = []string{"who=" + name} })
	if _, err := build(t.Context(), daemon.start(t, nil).mustConnect(t), req, &recorder{}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(into, name)); err != nil || string(text) != "x" {
		t.Errorf("the file has %q, %v", text, err)
	}
	if to, err := os.Readlink(filepath.Join(into, "link")); err != nil || to != "to "+name {
		t.Errorf("the link leads to %q, %v", to, err)
	}
}
