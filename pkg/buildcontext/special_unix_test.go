//go:build unix

package buildcontext

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
	"syscall"
	"testing"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"github.com/moby/buildkit/client"
	sessioncontent "github.com/moby/buildkit/session/content"
	digest "github.com/opencontainers/go-digest"
	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Pipes and sockets where a file is expected are refused at once: nothing ever writes to them.
func TestSpecialFilesAreRefused(t *testing.T) {
	pipe := func(path string) error { return syscall.Mkfifo(path, 0o644) }
	socket := func(path string) error {
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return err
		}
		listener.SetUnlinkOnClose(false)
		return listener.Close()
	}
	for name, create := range map[string]func(string) error{"a named pipe": pipe, "a socket": socket} {
		for _, file := range []string{".dockerignore", "Dockerfile.dockerignore", "sub/.dockerignore", "Dockerfile"} {
			t.Run(name+" "+strings.ReplaceAll(file, "/", " "), func(t *testing.T) {
				dir, err := os.MkdirTemp("", "x") // short, for the socket's name
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = os.RemoveAll(dir) })
				if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
					t.Fatal(err)
				}
				if file != "Dockerfile" {
					if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if err := create(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
				done := make(chan error, 1)
				go func() {
					_, err := resolve(t.Context(), input{Path: dir, Named: []Named{{Name: "x", Value: filepath.Join(dir, "sub")}}}, Environment{WorkingDir: dir})
					done <- err
				}()
				select {
				case err := <-done:
					var invalid *usage.Error
					if !errors.As(err, &invalid) || invalid.Reason != "it is "+name {
						t.Errorf("got %v", err)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("it waits")
				}
			})
		}
	}
}

// What is not a regular file in a context is listed, as BuildKit wants it, and never opened.
func TestSpecialFilesOfAContextAreListed(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM scratch\n", "a": "text"})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	opt := applied(t, input{Path: dir}, Environment{})
	context := opt.LocalMounts["context"]
	if names := listed(t, context, ""); !slices.Equal(names, []string{"Dockerfile", "a", "link", "pipe"}) {
		t.Errorf("listed are %q", names)
	}
	for _, name := range []string{"pipe", "link", ".", "../a"} {
		if _, err := context.Open(name); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
	if names := listed(t, context, "nowhere"); len(names) != 1 {
		t.Errorf("a missing name lists %q", names)
	}
}

// Programs leave sockets in checkouts, e.g. git's fsmonitor in .git: the daemon cannot store one,
// and asks for a file.
func TestSocketsOfAContextAreEmptyFiles(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM scratch\n"})
	socket, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	file, err := applied(t, input{Path: dir}, Environment{}).LocalMounts["context"].Open("s")
	if err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(file); err != nil || len(content) != 0 {
		t.Errorf("%q, %v", content, err)
	}
}

// What cp -al makes of a tree has two names for each link.
func TestLinksOfTwoNamesKeepTheirTarget(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM scratch\n", "a": "text"})
	if err := os.Symlink("a", filepath.Join(dir, "l1")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "l1"), filepath.Join(dir, "l2")); err != nil {
		t.Fatal(err)
	}
	found := 0
	context := applied(t, input{Path: dir}, Environment{}).LocalMounts["context"]
	err := context.Walk(t.Context(), "", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name != "l1" && name != "l2" {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		found++
		if stat, ok := info.Sys().(*types.Stat); !ok || stat.Linkname != "a" {
			t.Errorf("%s is described as %+v", name, stat)
		}
		return nil
	})
	if err != nil || found != 2 {
		t.Errorf("%d links, %v", found, err)
	}
}

func TestUnreadableIgnoreFile(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything; the end-to-end test builds as another user")
	}
	dir := tree(t, map[string]string{"Dockerfile": "FROM scratch\n", ".dockerignore": "secret\n"})
	if err := os.Chmod(filepath.Join(dir, ".dockerignore"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := resolve(t.Context(), input{Path: dir}, Environment{}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("got %v", err)
	}
}

// A file of the kernel that opens, and gives an error when it is read.
func TestDockerfileWithReadError(t *testing.T) {
	const file = "/sys/class/net/lo/speed"
	if _, err := os.ReadFile(file); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Skip("this system has no such file")
	}
	_, err := resolve(t.Context(), input{Path: t.TempDir(), Dockerfile: file}, Environment{})
	var invalid *usage.Error
	if !errors.As(err, &invalid) || invalid.What != fileFlag || invalid.Reason != "invalid argument" {
		t.Errorf("got %v", err)
	}
}

// A daemon can read the blobs of a layout, and do nothing else to it.
func TestLayoutCanOnlyBeRead(t *testing.T) {
	blob := []byte("a layer")
	dgst, outside := digest.FromBytes(blob), digest.FromString("outside")
	dir := tree(t, map[string]string{
		"blobs/sha256/" + dgst.Encoded(): string(blob), "index.json": `{"schemaVersion":2,"manifests":[]}`,
	})
	secret := filepath.Join(tree(t, map[string]string{"secret": "KEY"}), "secret")
	if err := os.Symlink(secret, filepath.Join(dir, "blobs/sha256", outside.Encoded())); err != nil {
		t.Fatal(err)
	}
	before, here := snapshotOf(t, dir), tree(t, map[string]string{"Dockerfile": "FROM base\n"})
	opt := applied(t, input{Path: here, Named: []Named{{Name: "base", Value: "oci-layout://" + dir + "@" + dgst.String()}}}, Environment{WorkingDir: here})
	for id, contents := range serve(t, opt) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), sessioncontent.GRPCHeaderID, id)
		if _, err := contents.Delete(ctx, &contentapi.DeleteContentRequest{Digest: dgst.String()}); err == nil {
			t.Error("a blob was deleted")
		}
		if got := readBlob(ctx, contents, dgst); got != string(blob) {
			t.Errorf("the blob reads as %q", got)
		}
		if got := readBlob(ctx, contents, outside); got != "" {
			t.Errorf("a link out of the layout reads as %q", got)
		}
		write(ctx, contents, digest.FromString("new"))
	}
	if after := snapshotOf(t, dir); !slices.Equal(before, after) {
		t.Errorf("the layout had %q, and has %q", before, after)
	}
}

func snapshotOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// serve serves the stores of a build as the session does.
func serve(t *testing.T, opt client.SolveOpt) map[string]contentapi.ContentClient {
	t.Helper()
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	sessioncontent.NewAttachable(opt.OCIStores).Register(server)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient("unix://"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	clients := map[string]contentapi.ContentClient{}
	for id := range opt.OCIStores {
		clients[id] = contentapi.NewContentClient(connection)
	}
	if len(clients) == 0 {
		t.Fatal("no layout is served")
	}
	return clients
}

func readBlob(ctx context.Context, contents contentapi.ContentClient, dgst digest.Digest) string {
	stream, err := contents.Read(ctx, &contentapi.ReadContentRequest{Digest: dgst.String()})
	if err != nil {
		return ""
	}
	part, err := stream.Recv()
	if err != nil {
		return ""
	}
	return string(part.Data)
}

func write(ctx context.Context, contents contentapi.ContentClient, dgst digest.Digest) {
	stream, err := contents.Write(ctx)
	if err != nil {
		return
	}
	_ = stream.Send(&contentapi.WriteContentRequest{Action: contentapi.WriteAction_COMMIT, Ref: "r", Expected: dgst.String(), Data: []byte("new")})
	_, _ = stream.Recv()
}
