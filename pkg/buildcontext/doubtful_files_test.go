//go:build linux || darwin

package buildcontext

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"golang.org/x/sync/errgroup"
)

// daemon keeps what it received under the keys of the transfers, and takes from a client what
// BuildKit's takes.
type daemon struct {
	dir  string
	sent []string // files that the last transfer carried the content of
}

func (d *daemon) receive(t *testing.T, opt client.SolveOpt, mount string) {
	t.Helper()
	key := mount + opt.SharedKey
	if hint := opt.FrontendAttrs["sharedkey:localdir:"+mount]; hint != "" {
		key += hint
	}
	dest := filepath.Join(d.dir, strings.NewReplacer(":", "_", "/", "_").Replace(key))
	if err := os.MkdirAll(dest, 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := fsutil.NewFilterFS(opt.LocalMounts[mount], &fsutil.FilterOpt{Map: func(_ string, stat *types.Stat) fsutil.MapResult {
		stat.Uid, stat.Gid = uint32(os.Getuid()), uint32(os.Getgid())
		return fsutil.MapResultKeep
	}})
	if err != nil {
		t.Fatal(err)
	}
	near, far := make(chan *types.Packet, 1000), make(chan *types.Packet, 1000)
	names, requested := []string{}, []uint32{}
	group, ctx := errgroup.WithContext(t.Context())
	group.Go(func() error {
		defer close(far)
		return fsutil.Send(ctx, &end{ctx: ctx, in: near, out: far, see: func(p *types.Packet) {
			if p.Type == types.PACKET_STAT && p.Stat != nil {
				names = append(names, p.Stat.Path)
			}
		}}, files, nil)
	})
	group.Go(func() error {
		return fsutil.Receive(ctx, &end{ctx: ctx, in: far, out: near, see: func(p *types.Packet) {
			if p.Type == types.PACKET_REQ {
				requested = append(requested, p.ID)
			}
		}}, dest, fsutil.ReceiveOpt{})
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	d.sent = nil
	for _, id := range requested {
		d.sent = append(d.sent, names[id])
	}
	slices.Sort(d.sent)
	same(t, files, dest)
}

// same compares what was sent with what has arrived: content, modes and times.
func same(t *testing.T, files fsutil.FS, dest string) {
	t.Helper()
	err := files.Walk(t.Context(), "", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		got, err := os.Lstat(filepath.Join(dest, name))
		if err != nil {
			return err
		}
		if want := info.Mode() &^ fs.ModeTemporary; got.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, got.Mode(), want)
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		if !got.ModTime().Equal(info.ModTime()) {
			t.Errorf("%s has time %v, want %v", name, got.ModTime(), info.ModTime())
		}
		file, err := files.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		want, err := io.ReadAll(file)
		if text, err := os.ReadFile(filepath.Join(dest, name)); err != nil || string(text) != string(want) {
			t.Errorf("%s holds %.20q, want %.20q (%v)", name, text, want, err)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// end is one end of a stream.
type end struct {
	ctx     context.Context
	in, out chan *types.Packet
	see     func(*types.Packet)
}

func (e *end) Context() context.Context { return e.ctx }

func (e *end) SendMsg(message any) error {
	packet, ok := message.(*types.Packet)
	if !ok {
		return errors.New("not a packet")
	}
	copied := packet.CloneVT()
	e.see(copied)
	select {
	case e.out <- copied:
		return nil
	case <-e.ctx.Done():
		return e.ctx.Err()
	}
}

func (e *end) RecvMsg(message any) error {
	select {
	case packet, open := <-e.in:
		if !open {
			return io.EOF
		}
		into, ok := message.(*types.Packet)
		if !ok {
			return errors.New("not a packet")
		}
		into.Type, into.Stat, into.ID, into.Data = packet.Type, packet.Stat, packet.ID, packet.Data
		return nil
	case <-e.ctx.Done():
		return e.ctx.Err()
	}
}

// build sends the directory as a build does, and returns the files whose content went.
func (d *daemon) build(t *testing.T, dir string) []string {
	t.Helper()
	opt := applied(t, input{Path: dir, Dockerfile: "-"}, Environment{Stdin: strings.NewReader("FROM scratch")})
	d.receive(t, opt, "context")
	return d.sent
}

func overwrite(t *testing.T, path, text string, modified time.Time) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chtimes(path, modified, modified)); err != nil {
		t.Fatal(err)
	}
}
