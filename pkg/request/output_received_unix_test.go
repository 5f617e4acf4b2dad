//go:build unix

package request

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// sent is an entry of a result, as a daemon sends it.
type sent struct {
	stat *types.Stat
	data string
}

// sendTree plays a daemon that sends these entries to -o DIR.
func sendTree(t *testing.T, dest string, entries ...sent) error {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	filesync.NewFSSyncTarget(filesync.WithFSSyncDir(0, dest)).Register(server)
	go func() { _ = server.Serve(l) }()
	defer server.Stop()
	conn, err := grpc.NewClient("unix://"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stream, err := filesync.NewFileSendClient(conn).DiffCopy(metadata.AppendToOutgoingContext(ctx, "buildkit-attachable-exporter-id", "0"))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if stream.SendMsg(&types.Packet{Type: types.PACKET_STAT, Stat: entry.stat}) != nil {
			break
		}
	}
	_ = stream.SendMsg(&types.Packet{Type: types.PACKET_STAT})
	for {
		packet := &types.Packet{}
		err := stream.RecvMsg(packet)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch packet.Type {
		case types.PACKET_REQ:
			_ = stream.SendMsg(&types.Packet{Type: types.PACKET_DATA, ID: packet.ID, Data: []byte(entries[packet.ID].data)})
			_ = stream.SendMsg(&types.Packet{Type: types.PACKET_DATA, ID: packet.ID})
		case types.PACKET_FIN:
			_ = stream.SendMsg(&types.Packet{Type: types.PACKET_FIN})
			_ = stream.CloseSend()
		case types.PACKET_ERR:
			return errors.New(string(packet.Data))
		}
	}
}

// Whatever a daemon sends to -o DIR, nothing outside of it is written or changed,
// and nothing in it has rights that were not asked for.
func TestHostileTree(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("ORIGINAL"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := func(path, to string) sent {
		return sent{stat: &types.Stat{Path: path, Mode: uint32(os.ModeSymlink | 0o777), Linkname: to}}
	}
	file := func(path string, mode fs.FileMode) sent {
		return sent{stat: &types.Stat{Path: path, Mode: uint32(mode), Size: 3}, data: "bad"}
	}
	hard := func(path, to string) sent {
		return sent{stat: &types.Stat{Path: path, Mode: 0o644, Linkname: to, Size: 3}, data: "bad"}
	}
	dir := sent{stat: &types.Stat{Path: "a", Mode: uint32(os.ModeDir | 0o755)}}
	device := sent{stat: &types.Stat{Path: "dev", Mode: uint32(os.ModeDevice | os.ModeCharDevice | 0o666), Devmajor: 1, Devminor: 1}}
	for name, test := range map[string]struct {
		entries []sent
		fails   bool
	}{
		"up":                {[]sent{file("../escaped", 0o644)}, true},
		"absolute":          {[]sent{file(filepath.Join(outside, "escaped"), 0o644)}, true},
		"through a link":    {[]sent{link("a", outside), file("a/escaped", 0o644)}, true},
		"a link as parent":  {[]sent{link("a", outside), dir, file("a/escaped", 0o644)}, true},
		"a hard link out":   {[]sent{hard("h", victim)}, true},
		"a hard link twice": {[]sent{link("a", victim), hard("b", "a")}, true},
		"a device":          {[]sent{device}, true}, // only root could make it
		"setuid":            {[]sent{file("su", 0o755|os.ModeSetuid)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dest := filepath.Join(t.TempDir(), "out")
			tree, err := safefile.NewTree(dest, safefile.TreeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			staged := tree.Stage()
			err = sendTree(t, staged.Receiving(), test.entries...)
			if err == nil {
				err = staged.Commit()
			}
			staged.Discard()
			if (err != nil) != test.fails {
				t.Errorf("got %v", err)
			}
			if text, err := os.ReadFile(victim); err != nil || string(text) != "ORIGINAL" {
				t.Errorf("the victim holds %q, %v", text, err)
			}
			if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
				t.Errorf("outside there is %v, %v", entries, err)
			}
			if _, err := os.Lstat(filepath.Join(filepath.Dir(dest), "escaped")); err == nil {
				t.Error("a file escaped")
			}
			if test.fails {
				if _, err := os.Lstat(dest); err == nil {
					t.Error("a result that was refused is there")
				}
			}
			privileged := func(mode fs.FileMode) bool { return mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeDevice) != 0 }
			_ = filepath.WalkDir(dest, func(path string, _ fs.DirEntry, _ error) error {
				if info, err := os.Lstat(path); err == nil && privileged(info.Mode()) {
					t.Errorf("%s is %v", path, info.Mode())
				}
				return nil
			})
		})
	}
}

// An attempt says what it has taken from the files.
func TestNoticeOfPlainFiles(t *testing.T) {
	r, err := New(t.Context(), with(func(o *Options) { o.Outputs = []string{"out"} }), workspace(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	attempt := r.Attempt()
	received := attempt.Options.Exports[0].OutputDir
	var entries []sent
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		entries = append(entries, sent{stat: &types.Stat{Path: name, Mode: uint32(0o755 | os.ModeSetuid), Size: 1}, data: "x"})
	}
	if err := sendTree(t, received, entries...); err != nil {
		t.Fatal(err)
	}
	if err := attempt.Commit(); err != nil {
		t.Fatal(err)
	}
	notices := attempt.Result(nil).Notices()
	want := "a, b, c and 2 more"
	if !slices.ContainsFunc(notices, func(text string) bool { return strings.Contains(text, want) }) || len(notices) != 1 {
		t.Errorf("got %q", notices)
	}
}
